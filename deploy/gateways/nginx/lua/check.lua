-- The check of one request, in nginx itself: microseconds, and no subrequest, for a token that was asked about before.
--
-- The API verifies each token once, by a subrequest to /authz. What it let pass is remembered until the token ends: the
-- digests of its identities, and its times. From then on they are looked up in the replica (entries.lua). Wherever
-- anything is in doubt the API is asked, as without all this: a token that is new, one that an entry hits (the API writes
-- the challenge), a replica that is not ready or has not heard of the registry for `max_staleness`.

local blake2b = require("blake2b")
local entries = require("entries")
local json = require("json")

local remembered, state = ngx.shared.tokenward_tokens, ngx.shared.tokenward_state
local _M = {}

local LONGEST_S = 3600
local settings, seal

function _M.configure(given)
  settings = given
  settings.key = assert(io.open(settings.key_file)):read("*l")
  seal = blake2b.prepare(settings.key, "nginx", "")
end

-- The payload and the kid of the token that the API let pass: there is but one.
local function read(authorization, cookie)
  local token = authorization and authorization:match("^%s*[BbDd]%w+%s+(%S+)")
  if not token and cookie then
    token = ("; " .. cookie):match("[; ]" .. settings.cookie:gsub("%p", "%%%0") .. '="?([^;" ]+)')
  end
  local head, payload = (token or ""):match("^([%w_-]+)%.([%w_-]+)%.")
  local function part(text)
    local decoded = text and ngx.decode_base64((text:gsub("-", "+"):gsub("_", "/")) .. ("="):rep(-#text % 4))
    return decoded and json(decoded) or {}
  end
  return part(payload), part(head).kid
end

local function number(value)
  return type(value) == "number" and value or nil
end

-- Remember what the API let pass; nothing of the token but digests.
local function remember(sealed, authorization, cookie, subject)
  local claims, kid = read(authorization, cookie)
  local exp = number(claims.exp)
  if type(claims.iss) ~= "string" or not exp or exp <= ngx.time() then return end
  local line = string.format("%s %s %s\n%s", number(claims.auth_time) or "-", number(claims.iat) or "-", subject or "",
    entries.identities(settings.key, claims, kid))
  remembered:set(sealed, line, math.min(exp - ngx.time(), LONGEST_S)) -- the least recently used make room: they are asked about
end

local function fresh()
  return state:get("ready") and ngx.now() * 1000 - (state:get("fresh_at") or 0) <= settings.max_staleness_s * 1000
end

-- Ask the API, and answer as it does. Returns the headers of a 200, whose names the API writes in small letters.
local function ask(known_bad)
  local answer = ngx.location.capture(settings.location)
  if answer.status == 200 and not known_bad then return answer.header end
  if answer.status == 401 or answer.status == 403 then
    for _, name in ipairs({ "www-authenticate", "x-token-status", "cache-control" }) do
      ngx.header[name] = answer.header[name]
    end
    ngx.exit(answer.status)
  end
  -- The API knows less than the replica, or says nothing at all.
  if known_bad then ngx.header["WWW-Authenticate"] = 'Bearer realm="tokenward", error="invalid_token"' end
  ngx.exit(known_bad and 401 or 503)
end

local function tell(status, subject)
  ngx.var.token_status, ngx.var.token_subject = status, subject
end

-- In access_by_lua: returns, with $token_status and $token_subject set for the application, or answers the client.
function _M.request()
  local authorization, cookie = ngx.var.http_authorization, ngx.var.http_cookie
  local sealed = blake2b.digest(seal, (authorization or "") .. "\n" .. (cookie or ""))
  local line = remembered:get(sealed)
  local known_bad = false
  if line then
    local auth_time, iat, subject, identities = line:match("^(%S+) (%S+) ([^\n]*)\n(.*)$")
    local address = entries.identity(settings.key, "origin", "", ngx.var.remote_addr)
    known_bad = entries.hits(identities .. address, tonumber(auth_time), tonumber(iat))
    if not known_bad and fresh() then
      return tell("active", subject)
    end
  end
  local told = ask(known_bad)
  tell(told["x-token-status"], told["x-token-subject"])
  if told["x-token-status"] == "active" then
    remember(sealed, authorization, cookie, told["x-token-subject"])
  end
end

return _M
