-- Lets one thing wait. KEYS: items, order, sequence, done, lent. ARGV: id, value, most.
-- Answers ids and values of what had to go, in turn; false where it waits already or was done.
local items, order, done = KEYS[1], KEYS[2], KEYS[4]
local id, most = ARGV[1], tonumber(ARGV[3])
if redis.call('HEXISTS', items, id) == 1 or redis.call('ZSCORE', done, id) then
  return false
end

redis.call('HSET', items, id, ARGV[2])
redis.call('ZADD', order, redis.call('HINCRBY', KEYS[3], 'seq', 1), id)
local gone, over = {}, redis.call('ZCARD', order) - most
if over <= 0 then
  return gone
end
for _, old in ipairs(redis.call('ZRANGE', order, 0, over - 1)) do
  gone[#gone + 1] = old
  gone[#gone + 1] = redis.call('HGET', items, old)
  redis.call('HDEL', items, old)
  redis.call('ZREM', order, old)
  redis.call('HDEL', KEYS[5], old)
end
return gone
