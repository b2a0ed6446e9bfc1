-- Writes a document of revocation/pending.py. KEYS: documents, ends.
-- ARGV: now, name, the version that it is expected to have (0: none), end, how many there may be (0: none is made), text.
-- Answers the new version; -1: there are too many; -2: it is not as expected.
local DOCUMENTS, ENDS = KEYS[1], KEYS[2]
local now, name, expected, ends = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most, text = tonumber(ARGV[5]), ARGV[6]
local HEAD, SWEEP = '>i8i8', 1000

for _, ended in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', ARGV[1], 'LIMIT', 0, SWEEP)) do
  redis.call('HDEL', DOCUMENTS, ended)
  redis.call('ZREM', ENDS, ended)
end

local version = 0
local known = redis.call('HGET', DOCUMENTS, name)
if known then
  local until_then
  version, until_then = struct.unpack(HEAD, known)
  if until_then <= now then version = 0 end
end
if version ~= expected or (version == 0 and most == 0) then return -2 end
if version == 0 then
  -- The commands that its user may give know no count: the place after the last that there may be tells.
  local last = redis.call('ZRANGEBYSCORE', ENDS, '(' .. ARGV[1], '+inf', 'LIMIT', most - 1, 1)
  if last[1] then return -1 end
end
version = version + 1
redis.call('HSET', DOCUMENTS, name, struct.pack(HEAD, version, ends) .. text)
redis.call('ZADD', ENDS, ARGV[4], name)
return version
