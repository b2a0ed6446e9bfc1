-- What changed, with the place that it leads to: one moment's answer. KEYS: changes, meta. ARGV: first id, how many.
-- Answers epoch, sequence number (false where nobody has written yet) and the changes.
local place = redis.call('HMGET', KEYS[2], 'epoch', 'seq')
return {place[1], place[2], redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])}
