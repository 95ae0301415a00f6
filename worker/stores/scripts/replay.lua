-- An operator's doing: dead letters are owed again, from attempt 1. What was tried before is kept beside it.
-- ARGV: per delivery: ref, flag and line digest as dispatch has them.
-- Returns {refs to publish, how many are owed again}.
local replayed = 0

while at < #ARGV do
  local ref, line = take(), take()
  local _, app, destination, id = parts(ref)
  local place, key = app .. '/' .. destination, event_key(app, id)
  if redis.call('EXISTS', key) == 1 and redis.call('ZREM', prefix .. ':dead', ref) == 1 then
    local before = redis.call('HGET', key, 'd:' .. destination)
    if before then redis.call('HSET', key, 'h:' .. destination, before) end
    redis.call('HDEL', key, 'd:' .. destination, 'c:' .. destination, 'g:' .. destination)
    redis.call('HSET', key, 'r:' .. destination, now)
    redis.call('PEXPIRE', key, retention_ms)
    local flag = string.sub(line, 1, 1)
    local length = redis.call('RPUSH', line_key(place, string.sub(line, 2)), (flag == 'r' and 'r' or 'f') .. ref)
    replayed = replayed + 1
    if length == 1 then enter(ref, place, flag ~= 'f') else wait(ref) end
  end
end
return {woken_ones(), replayed}
