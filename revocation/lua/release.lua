-- Turns entries into tombstones; the rule is revocation.record.release.
-- ARGV: now, changes to retain, epoch if one is to be named, actor, then fields.
-- Answers the tombstones, or false where there is no entry.
local now, retained, actor = tonumber(ARGV[1]), ARGV[2], ARGV[4]
begin(ARGV[3])

local answer = {}
for i = 5, #ARGV do
  local field = ARGV[i]
  local entry = present(field, now)
  if not entry then
    answer[#answer + 1] = false
  elseif entry.state == RELEASED then
    answer[#answer + 1] = pack_entry(entry)
  else
    entry.state, entry.released, entry.actor = RELEASED, math.max(now, entry.decided), actor
    answer[#answer + 1] = record(field, entry, retained)
  end
end
return answer
