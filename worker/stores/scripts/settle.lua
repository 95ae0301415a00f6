-- Attempts become history: a delivery is settled, or owed again. Only who still holds the lease may do so.
-- ARGV: prefix, retention ms, results kept, wake ms, lease ms, then per delivery:
--   `token|ref`, due ms (0: settled), record JSON, result JSON or '', line digest, hold until ms or 0, thread ref or '',
--   health (ok | bad | denied | ''), why (for people), dead letter (1 | 0)
-- Returns {woken refs, lost `token|ref`s, superseded `token|ref`s}.
local retention_ms, results_kept, wake_ms, lease_ms = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local woken, lost, superseded = {}, {}, {}

local function write(app, destination, id, record, result)
  local key = event_key(app, id)
  redis.call('HSET', key, 'd:' .. destination, record)
  redis.call('PEXPIRE', key, retention_ms)
  if result ~= '' then
    redis.call('XADD', prefix .. ':results', 'MAXLEN', '~', results_kept, '*', 'result', result)
  end
end

-- The next of the same condition may go now.
local function leave(line, ref)
  if redis.call('LREM', line, 1, 'f' .. ref) == 0 then redis.call('LREM', line, 1, 'r' .. ref) end
  local head = redis.call('LINDEX', line, 0)
  if head then
    local next_ref = string.sub(head, 2)
    if redis.call('ZREM', WAITING, next_ref) == 1 then
      redis.call('ZADD', WOKEN, now + wake_ms, next_ref)
      woken[#woken + 1] = next_ref
    end
  end
end

-- Whether its "resolved" stands behind a "firing" that would have to be tried again.
local function is_over(line, ref)
  local items = redis.call('LRANGE', line, 0, -1)
  if items[1] ~= 'f' .. ref then return false end
  for i = 2, #items do
    if string.sub(items[i], 1, 1) == 'r' then return true end
  end
  return false
end

for i = 6, #ARGV, 10 do
  local member, due, record, result, digest = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local hold, thread, health, why, dead = tonumber(ARGV[i + 5]), ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9]
  local ref = string.match(member, '^[^|]*|(.*)$')
  local _, app, destination, id = parts(ref)
  local line = line_key(app, destination, digest)
  if hold > now then redis.call('HSET', prefix .. ':holds', app .. '/' .. destination, hold) end
  note_health(app .. '/' .. destination, health, why)
  if redis.call('ZREM', LEASED, member) == 0 then
    lost[#lost + 1] = member
  elseif due == 0 then
    write(app, destination, id, record, result)
    redis.call('HDEL', event_key(app, id), 'c:' .. destination, 'g:' .. destination)
    if dead == '1' then
      redis.call('ZREMRANGEBYSCORE', prefix .. ':dead', '-inf', now - retention_ms)
      redis.call('ZADD', prefix .. ':dead', now, ref)
    end
    if thread ~= '' then
      redis.call('SET', prefix .. ':thread:' .. app .. '/' .. destination .. '/' .. digest, thread, 'PX', 604800000)
    end
    leave(line, ref)
  else
    write(app, destination, id, record, result)
    redis.call('HDEL', event_key(app, id), 'c:' .. destination, 'g:' .. destination)
    if is_over(line, ref) then
      redis.call('ZADD', LEASED, now + lease_ms, member)
      superseded[#superseded + 1] = member
    else
      redis.call('ZADD', OWED, due, ref)
    end
  end
end
return {woken, lost, superseded}
