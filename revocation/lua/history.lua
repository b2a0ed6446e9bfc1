-- The history that this server writes: its replication id, which a promoted replica and a restarted server change.
local function history()
  local told = redis.call('INFO', 'replication')
  local _, at = string.find(told, 'master_replid:', 1, true)
  return at and string.sub(told, at + 1, at + 40) or 'untold'
end
