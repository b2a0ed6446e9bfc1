-- Lends what has waited longest. KEYS: items, order, lent. ARGV: limit, now, lease in milliseconds.
-- Answers whether there are more (0 or 1), and ids and values in turn.
local items, order, lent = KEYS[1], KEYS[2], KEYS[3]
local limit, now, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local answer, start = { 0 }, 0
while true do
  local ids = redis.call('ZRANGE', order, start, start + 99)
  for _, id in ipairs(ids) do
    local back = tonumber(redis.call('HGET', lent, id) or 0)
    if back <= now then
      if #answer > 2 * limit then
        answer[1] = 1
        return answer
      end
      answer[#answer + 1] = id
      answer[#answer + 1] = redis.call('HGET', items, id)
      redis.call('HSET', lent, id, now + lease)
    end
  end
  if #ids < 100 then
    return answer
  end
  start = start + 100
end
