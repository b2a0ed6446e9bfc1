-- The replica: the registry's entries in a dict that nginx' workers share, by the digests of whom they are about.
--
-- An entry is forgotten by its tombstone or at its end, and never otherwise: not by a snapshot of another epoch, and not
-- for want of room (`safe_set` evicts nobody; a full dict is not ready any more, so the API is asked again).

local blake2b = require("blake2b")

local dict = ngx.shared.tokenward_entries
local _M = {}

local CUTOFFS = { issuer = true, key = true, client = true, subject = true }

-- Take over a line of the feed. The lines are the API's own, so that names and order are known: no quote inside of a string
-- stands without its backslash there, and none of the patterns hits inside of one.
function _M.take(line)
  local digest = line:match('"digest":"(%x+)"'):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  local state = line:match('"state":"(%a+)"')
  local ends = tonumber(line:match('"expires_at":(%d+)'))
  local left = ends / 1000 - ngx.now()
  if state == "released" or left <= 0 then
    dict:delete(digest)
    return true
  end
  local decided, cut = line:match('"decided_at":(%d+)'), line:match('"not_before":(%d+)') or "0"
  local kept = table.concat({ state, line:match('"scope":"(%a+)"'), decided, cut }, " ")
  return dict:safe_set(digest, kept, left)
end

-- Whether a login at `auth_time` (or, for some scopes, a token of `iat`) came late enough for the entry not to hit it.
local function spared(kept, auth_time, iat)
  local state, scope, decided, cut = kept:match("^(%a+) (%a+) (%d+) (%d+)$")
  decided, cut = tonumber(decided), tonumber(cut)
  if state == "quarantined" then
    return auth_time ~= nil and math.floor(auth_time) * 1000 > (cut > 0 and cut or decided)
  end
  local login = auth_time or iat
  return cut > 0 and CUTOFFS[scope] and login ~= nil and math.floor(login) * 1000 > cut
end

-- Whether an entry hits one of the identities, 16 bytes each.
function _M.hits(identities, auth_time, iat)
  for at = 1, #identities, 16 do
    local kept = dict:get(identities:sub(at, at + 15))
    if kept and not spared(kept, auth_time, iat) then
      return true
    end
  end
  return false
end

local prepared, count = {}, 0

-- The function that digests identifiers of (scope, issuer): see revocation/record.py.
local function digester(key, scope, issuer)
  local name = scope .. " " .. issuer
  if not prepared[name] then
    if count >= 1024 then prepared, count = {}, 0 end -- tokens name issuers, so it must be bounded
    local length = #issuer
    local size = string.char(0, 0, math.floor(length / 256) % 256, length % 256)
    prepared[name] = blake2b.prepare(key, scope, size .. issuer)
    count = count + 1
  end
  return prepared[name]
end

function _M.identity(key, scope, issuer, value)
  return blake2b.digest(digester(key, scope, issuer), value)
end

-- All that a token can be hit by, one digest after another.
function _M.identities(key, claims, kid)
  local cnf = type(claims.cnf) == "table" and claims.cnf or {}
  local asked = {
    issuer = "", key = kid, client = claims.client_id or claims.azp, subject = claims.sub,
    device = cnf.jkt or claims.device_id, family = claims.sid, token = claims.jti,
  }
  local found = {}
  for scope, value in pairs(asked) do
    if type(value) == "string" then
      found[#found + 1] = _M.identity(key, scope, claims.iss, value)
    end
  end
  return table.concat(found)
end

return _M
