-- Ends waiting. KEYS: items, order, lent, done. ARGV: now, ids to remember, then ids. Answers how many had waited.
local count = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  if redis.call('HDEL', KEYS[1], id) == 1 then
    count = count + 1
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    redis.call('ZADD', KEYS[4], ARGV[1], id)
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - tonumber(ARGV[2]))
return count
