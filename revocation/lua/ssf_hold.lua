-- Takes a lease, or prolongs one's own. KEYS: leases. ARGV: name, owner, now, lease in milliseconds. Answers 0 or 1.
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local back, owner = string.match(held, '^(%d+) (.*)$')
  if tonumber(back) > tonumber(ARGV[3]) and owner ~= ARGV[2] then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s', tonumber(ARGV[3]) + tonumber(ARGV[4]), ARGV[2]))
return 1
