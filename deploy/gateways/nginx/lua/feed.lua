-- Follows the registry: a snapshot, then long polls, over plain HTTP. One worker does it for all.
--
-- HTTP/1.0, so that an answer ends with its connection and no chunk has to be parsed; a poll waits up to 25 s anyway.

local entries = require("entries")

local state = ngx.shared.tokenward_state
local _M = {}

local WAIT_S = 25
local LONGEST_LINE = 65536

-- Ask, and give each line of a 200's body to `each`. Returns the status, or nil and why.
local function get(settings, path, each)
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, (WAIT_S + 5) * 1000)
  local well, why = socket:connect(settings.host, settings.port)
  if not well then return nil, why end
  socket:send("GET " .. path .. " HTTP/1.0\r\nHost: tokenward\r\nConnection: close\r\nX-Api-Key: " .. settings.api_key .. "\r\n\r\n")
  local status = tonumber((socket:receive("*l") or ""):match("^HTTP/1%.%d (%d%d%d)"))
  local line
  repeat
    line, why = socket:receive("*l")
  until not line or line == ""
  while line and status == 200 do
    line, why = socket:receive("*l")
    if line and #line <= LONGEST_LINE then each(line) end
  end
  socket:close()
  return status, why
end

-- Read one answer of the feed, and take over its entries. Returns its end's cursor, where the end was there and every line
-- before it could be kept; else nil and why.
local function read(settings, path)
  local header, heard, ending, count, kept = nil, 0, nil, 0, true
  local status, why = get(settings, path, function(line)
    if not header then
      header = line
      ngx.update_time()
      heard = ngx.now() * 1000 - tonumber(line:match('"age_ms":(%d+)')) -- by our clock: the API's may be another
    elseif line:find('"type":"end"', 1, true) then
      ending = line
    else
      count = count + 1
      kept = entries.take(line) and kept
    end
  end)
  if status ~= 200 then return nil, status or why end
  if not ending or tonumber(ending:match('"count":(%d+)')) ~= count then return nil, "cut off" end
  if not kept then return nil, "no room left in tokenward_entries" end
  if heard > (state:get("fresh_at") or 0) then state:set("fresh_at", heard) end
  return ending:match('"cursor":"([^"]+)"') or header:match('"cursor":"([^"]+)"')
end

local function follow(settings)
  local cursor, why = read(settings, "/v1/revocations")
  if cursor then state:set("ready", true) end
  while cursor and not ngx.worker.exiting() do
    local asked = { cursor = cursor, wait = WAIT_S, replica = settings.name, limit = 10000 }
    cursor, why = read(settings, "/v1/revocations/changes?" .. ngx.encode_args(asked))
  end
  return why
end

-- Follow for as long as nginx runs; whatever fails begins anew with a snapshot, after a second. What is known stays known.
function _M.start(settings)
  if ngx.worker.id() ~= 0 then return end
  local function turn(premature)
    if premature then return end
    local well, why = pcall(follow, settings)
    ngx.log(ngx.WARN, "tokenward: the registry is followed anew: ", why)
    if why == "no room left in tokenward_entries" then state:delete("ready") end
    ngx.timer.at(1, turn)
    return well
  end
  ngx.timer.at(0, turn)
end

return _M
