-- Forgets entries that have ended, the earliest first. Replicas know by themselves; no change is recorded.
-- ARGV: now, how many at most. Answers how many.
local fields = redis.call('ZRANGEBYSCORE', EXPIRIES, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, field in ipairs(fields) do
  redis.call('HDEL', ENTRIES, field)
  redis.call('ZREM', EXPIRIES, field)
end
return #fields
