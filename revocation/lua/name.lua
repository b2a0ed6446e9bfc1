-- Keeps a value for so long, unless one is kept for longer already. KEYS: the name. ARGV: value, milliseconds.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
