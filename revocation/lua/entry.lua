-- An entry as it is stored, and how a change of it is recorded; every other script is appended to this text.
-- A stored entry is a head of numbers (big-endian), the actor, and labels that no script looks into (id, reasons).
local HEAD = '>BI8i8i8i8i8I4c0' -- state, seq, decided_at, expires_at, not_before, released_at, actor
local ENTRIES, EXPIRIES, CHANGES, META = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local RELEASED = 0

local function unpack_entry(value)
  local state, seq, decided, expires, cut, released, actor, labels = struct.unpack(HEAD, value)
  return {state = state, seq = seq, decided = decided, expires = expires, cut = cut, released = released,
    actor = actor, labels = string.sub(value, labels)}
end

local function pack_entry(e)
  return struct.pack(HEAD, e.state, e.seq, e.decided, e.expires, e.cut, e.released, #e.actor, e.actor) .. e.labels
end

-- The entry of a field, or nil; one that has ended is as if absent.
local function present(field, now)
  local value = redis.call('HGET', ENTRIES, field)
  if not value then return nil end
  local entry = unpack_entry(value)
  if entry.expires > now then return entry end
  return nil
end

-- Names another epoch where the server's history is not the one that was written last. Then the data is gone, or it is
-- that of a replica which may lack the last writes: their numbers are about to be given out again.
local function begin(epoch)
  local own = history()
  if redis.call('HGET', META, 'history') ~= own then
    redis.call('HSET', META, 'history', own, 'epoch', epoch)
  end
end

-- Writes the entry as the next change, and returns what was written.
local function record(field, entry, retained)
  entry.seq = redis.call('HINCRBY', META, 'seq', 1)
  local value = pack_entry(entry)
  redis.call('HSET', ENTRIES, field, value)
  redis.call('ZADD', EXPIRIES, entry.expires, field)
  redis.call('XADD', CHANGES, 'MAXLEN', '~', retained, string.format('%.0f-0', entry.seq), 'field', field, 'entry', value)
  return value
end
