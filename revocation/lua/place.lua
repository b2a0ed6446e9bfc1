-- Answers epoch, sequence number, and the history of the server that is asked. KEYS: meta.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
return {place[1], place[2], history()}
