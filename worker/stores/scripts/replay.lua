-- An operator's doing: dead letters are owed again, from attempt 1. What was tried before is kept beside it.
-- ARGV: per delivery: ref, flag and line digest as dispatch has them.
-- Returns {refs to publish, how many are owed again}.
local replayed = 0

while at < #ARGV do
  local ref, line = take(), take()
  local place, app, id = parts(ref)
  local key, digest = record_key(place, id), string.sub(line, 2)
  if redis.call('EXISTS', event_key(app, id)) == 1 and redis.call('ZREM', prefix .. ':dead', ref) == 1 then
    if redis.call('EXISTS', key) == 1 then
      redis.call('RENAME', key, prefix .. ':earlier:' .. place .. '/' .. id)
    end
    mark(ref, 0, 0, now)
    redis.call('PEXPIRE', event_key(app, id), retention_ms)
    replayed = replayed + 1
    local flag, name = string.sub(line, 1, 1), place .. '/' .. digest
    local item = (flag == 'r' and 'r' or 'f') .. ref
    if head_of(name) then
      redis.call('RPUSH', line_key(name), item)
      wait(ref)
    else
      set_head(name, item)
      enter(ref, place, flag ~= 'f')
    end
  end
end
write_lines()
return {woken_ones(), replayed}
