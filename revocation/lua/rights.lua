-- Answers which of the commands in ARGV the user may not give to the key; false where this Redis cannot tell (before 7.0).
if not redis.acl_check_cmd then return false end
local missing = {}
for _, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do words[#words + 1] = word == 'KEY' and KEYS[1] or word end
  if not redis.acl_check_cmd(unpack(words)) then missing[#missing + 1] = words[1] end
end
return missing
