-- Writes decisions, each merged onto what is there; the rule is revocation.record.merge.
-- ARGV: now, changes to retain, epoch if one is to be named, then field and entry of each decision.
-- Answers the entries as they stand, or false for a decision whose expiry is not after now.
local now, retained = tonumber(ARGV[1]), ARGV[2]
begin(ARGV[3])

-- The entry that wins, and the one that lends it later times; only what was decided after the release counts.
local function rank(old, new, released)
  local old_counts, new_counts = old.decided > released, new.decided > released
  if old_counts and not new_counts then return old, old end
  if new_counts and not old_counts then return new, new end
  if new_counts and new.state > old.state then return new, old end
  if not new_counts and old.state ~= RELEASED then return new, old end
  return old, new
end

local function merge(old, new)
  local released = math.max(old.released, new.released)
  local base, other = rank(old, new, released)
  return {state = base.state, seq = old.seq, actor = base.actor, labels = base.labels, released = released,
    decided = math.max(base.decided, other.decided),
    expires = math.max(base.expires, other.expires),
    cut = math.max(base.cut, other.cut)}
end

local answer = {}
for i = 4, #ARGV, 2 do
  local field, new = ARGV[i], unpack_entry(ARGV[i + 1])
  if new.expires <= now then
    answer[#answer + 1] = false
  else
    local old = present(field, now)
    local merged = old and merge(old, new) or new
    if old and pack_entry(merged) == pack_entry(old) then
      answer[#answer + 1] = pack_entry(old)
    else
      answer[#answer + 1] = record(field, merged, retained)
    end
  end
end
return answer
