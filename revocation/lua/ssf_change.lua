-- Replaces a stream. KEYS: streams. ARGV: id, the version that must stand there, the value (8 bytes of version first).
-- An empty version: there must be none yet, and fewer than ARGV[4] streams. Answers 0 or 1.
local old = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == '' then
  if old or redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
    return 0
  end
elseif not old or string.sub(old, 1, 8) ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
