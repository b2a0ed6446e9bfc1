-- Remembers ids that were seen, the newest of them. KEYS: hash id -> when, sorted set id by when.
-- ARGV: now, milliseconds to remember, how many to remember, ids. The hash counts them under `count`, which is no id.
local now, keep, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, #ARGV do
  redis.call('ZADD', KEYS[2], now, ARGV[i])
  if redis.call('HSET', KEYS[1], ARGV[i], now) == 1 then
    redis.call('HINCRBY', KEYS[1], 'count', 1)
  end
end

local function forget(ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[1], id)
    redis.call('HINCRBY', KEYS[1], 'count', -1)
  end
end

-- A thousand at a time: more of them wait for the next call.
forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - keep, 'LIMIT', 0, 1000))
local surplus = tonumber(redis.call('HGET', KEYS[1], 'count')) - most
if surplus > 0 then
  forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'LIMIT', 0, math.min(surplus, 1000)))
end
