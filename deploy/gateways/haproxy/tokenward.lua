-- Asks Tokenward about each request's token: `http-request lua.tokenward closed` (or `open`) in a frontend of HAProxy.
--
-- RUN IN OUR TESTS with this very file (HAProxy 2.6). /authz answers 200, 401 or 403; the last two go to the client as they
-- are, with their challenge. Any other answer below 500 refuses, as a client may have provoked it; a 5xx or none at all
-- is a registry that is down: `closed` answers 503, `open` lets the request pass, without X-Token-Status.

local ASK = "http://tokenward/authz" -- or /authz:NAME for the profile [authz.NAME]
local THROUGH = "abns@tokenward"     -- the frontend `asking` of haproxy.cfg, which bounds how long it takes
local TIMEOUT_MS = 12000             -- longer than HAProxy waits for the API: its 503 or 504 comes first

local TOLD = { "x-token-status", "x-token-subject", "x-revocation-seq" } -- what the application is told

-- What may hold a token goes along, whole: /authz refuses whoever brings two, and is the only one that reads cookies.
-- req_get_headers counts the values of a header from 0, the client's headers from 1.
local function ask(txn)
  local headers = txn.http:req_get_headers()
  local asked = { ["x-real-ip"] = { txn.f:src() } }
  for _, name in pairs({ "authorization", "cookie" }) do
    asked[name] = {}
    for _, value in pairs(headers[name] or {}) do
      table.insert(asked[name], value)
    end
  end
  return core.httpclient():get({ url = ASK, dst = THROUGH, headers = asked, timeout = TIMEOUT_MS }) or {}
end

local function refuse(txn, status, headers)
  local reply = txn:reply({ status = status })
  for _, name in pairs({ "www-authenticate", "cache-control", "x-token-status" }) do
    for _, value in pairs(headers[name] or {}) do
      reply:add_header(name, value)
    end
  end
  txn:done(reply)
end

core.register_action("tokenward", { "http-req" }, function(txn, when_down)
  local answer = ask(txn)
  local status, headers = answer.status or 0, answer.headers or {}
  if status == 200 then
    for _, name in pairs(TOLD) do
      if headers[name] then
        txn.http:req_set_header(name, headers[name][0])
      end
    end
  elseif status >= 300 and status < 500 then
    refuse(txn, status == 401 and 401 or 403, headers)
  elseif when_down ~= "open" then
    refuse(txn, 503, {})
  end
end, 1)
