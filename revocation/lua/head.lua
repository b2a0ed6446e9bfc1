-- Says how far a chain of the audit trail is; never takes back what was said before.
-- KEYS: the heads. ARGV: chain, number, hash, epoch milliseconds. Answers whether it is news.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(string.match(known, '^%-?%d+')) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return 1
