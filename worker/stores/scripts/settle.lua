-- Attempts become history: a delivery is settled, or owed again. Only who still holds the lease may do so.
-- ARGV: per delivery: `token|ref`, due ms (0: settled), record JSON, result JSON or '', line digest, and either '' (it
--   was delivered on its first lease, and nothing more is to be said) or JSON of any of: hold (until, ms), thread (ref),
--   health (ok | bad | denied), why (for people), dead (a dead letter), marks (deaths or hand-backs to be forgotten)
-- Returns {refs to publish, lost `token|ref`s, superseded `token|ref`s}.
local lost, superseded, left, members, rows = {}, {}, {}, {}, {}
local DELIVERED = {health = 'ok'}

local function write(app, destination, id, row)
  local key = event_key(app, id)
  redis.call('HSET', key, 'd:' .. destination, row.record)
  -- What is settled has its time since it was dispatched; what is owed must not vanish meanwhile.
  if row.due > 0 then redis.call('PEXPIRE', key, retention_ms) end
  if row.more.marks then redis.call('HDEL', key, 'c:' .. destination, 'g:' .. destination) end
  if row.result ~= '' then
    redis.call('XADD', prefix .. ':results', 'MAXLEN', '~', results_kept, '*', 'result', row.result)
  end
end

-- The next of the same condition may go now.
local function leave_line(line, ref, place)
  local head = redis.call('LPOP', line)
  if head and string.sub(head, 2) ~= ref then
    redis.call('LPUSH', line, head)
    if redis.call('LREM', line, 1, 'f' .. ref) == 0 then redis.call('LREM', line, 1, 'r' .. ref) end
  end
  local next_one = any_waiting and redis.call('LINDEX', line, 0)
  if not next_one then return end
  local next_ref = string.sub(next_one, 2)
  -- One that stands in its destination's queue has left its line's already.
  if not redis.call('ZSCORE', queue_key(place), next_ref) and redis.call('ZREM', WAITING, next_ref) == 1 then
    enter(next_ref, place, string.sub(next_one, 1, 1) == 'r')
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

local function keep_dead(ref)
  redis.call('ZREMRANGEBYSCORE', prefix .. ':dead', '-inf', now - retention_ms)
  redis.call('ZADD', prefix .. ':dead', now, ref)
end

local function settle(row, ref, app, destination, id, place, line)
  write(app, destination, id, row)
  if row.more.dead then keep_dead(ref) end
  if row.more.thread then
    redis.call('SET', prefix .. ':thread:' .. place .. '/' .. row.digest, row.more.thread, 'PX', 604800000)
  end
  left[#left + 1] = row.member
  leave_place(place)
  leave_line(line, ref, place)
end

local function retry(row, ref, app, destination, id, place, line)
  write(app, destination, id, row)
  if is_over(line, ref) then
    redis.call('ZADD', LEASED, now + lease_ms, row.member)
    superseded[#superseded + 1] = row.member
  else
    left[#left + 1] = row.member
    leave_place(place)
    redis.call('ZADD', OWED, row.due, ref)
  end
end

while at < #ARGV do
  local row = {member = take(), due = tonumber(take()), record = take(), result = take(), digest = take()}
  local more = take()
  row.more = more == '' and DELIVERED or cjson.decode(more)
  rows[#rows + 1], members[#members + 1] = row, row.member
end
local is_held = scores_of(LEASED, members)
for i, row in ipairs(rows) do
  local ref = string.match(row.member, '^[^|]*|(.*)$')
  local _, app, destination, id = parts(ref)
  local place = app .. '/' .. destination
  if (row.more.hold or 0) > now then redis.call('HSET', prefix .. ':holds', place, row.more.hold) end
  note_health(place, row.more.health or '', row.more.why or '')
  if not is_held[i] then
    lost[#lost + 1] = row.member
  else
    local go_on = row.due == 0 and settle or retry
    go_on(row, ref, app, destination, id, place, line_key(place, row.digest))
  end
end
remove_all(LEASED, left)
return {woken_ones(), lost, superseded}
