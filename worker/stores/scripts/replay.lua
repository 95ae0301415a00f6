-- An operator's doing: dead letters are owed again, from attempt 1. What was tried before is kept beside it.
-- ARGV: prefix, wake ms, retention ms, then per delivery: ref, line digest, flag (f firing | r resolved)
-- Returns {refs to publish, how many are owed again}.
local wake_ms, retention_ms = tonumber(ARGV[2]), ARGV[3]
local woken, replayed = {}, 0

for i = 4, #ARGV, 3 do
  local ref, digest, flag = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local _, app, destination, id = parts(ref)
  local key = event_key(app, id)
  if redis.call('EXISTS', key) == 1 and redis.call('ZREM', prefix .. ':dead', ref) == 1 then
    local before = redis.call('HGET', key, 'd:' .. destination)
    if before then redis.call('HSET', key, 'h:' .. destination, before) end
    redis.call('HDEL', key, 'd:' .. destination, 'c:' .. destination, 'g:' .. destination)
    redis.call('HSET', key, 'r:' .. destination, now)
    redis.call('PEXPIRE', key, retention_ms)
    local line = line_key(app, destination, digest)
    local place = redis.call('RPUSH', line, flag .. ref)
    redis.call('PEXPIRE', line, retention_ms)
    replayed = replayed + 1
    if place == 1 then
      redis.call('ZADD', WOKEN, now + wake_ms, ref)
      woken[#woken + 1] = ref
    else
      redis.call('ZADD', WAITING, now, ref)
    end
  end
end
return {woken, replayed}
