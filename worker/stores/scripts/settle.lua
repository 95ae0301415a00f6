-- Attempts become history: a delivery is settled, or owed again. Only who still holds the lease may do so.
-- ARGV: per delivery: `token|ref`, due ms (0: settled), record JSON, result JSON or '', line digest, and either '' (it
--   was delivered on its first lease, and nothing more is to be said) or JSON of any of: hold (until, ms), thread (ref),
--   health (ok | bad | denied), why (for people), dead (a dead letter), marks (it has some)
-- Returns {refs to publish, lost `token|ref`s, superseded `token|ref`s}.
local lost, superseded, left, members, rows = {}, {}, {}, {}, {}
local DELIVERED = {health = 'ok'}

local function write(row, ref, place, app, id)
  keep(record_key(place, id), row.record)
  if row.due > 0 then redis.call('PEXPIRE', event_key(app, id), retention_ms) end
  if row.more.marks then
    local _, _, replayed = read_marks(redis.call('HGET', MARKS, ref))
    mark(ref, 0, 0, row.due > 0 and replayed or 0)
  end
  if row.result ~= '' then tell(row.result) end
end

-- Whether its "resolved" stands behind a "firing" that would have to be tried again.
local function is_over(line, ref)
  if not any_waiting or head_of(line) ~= 'f' .. ref then return false end
  for _, item in ipairs(redis.call('LRANGE', line_key(line), 0, -1)) do
    if string.sub(item, 1, 1) == 'r' then return true end
  end
  return false
end

local function keep_dead(ref)
  redis.call('ZREMRANGEBYSCORE', prefix .. ':dead', '-inf', now - retention_ms)
  redis.call('ZADD', prefix .. ':dead', now, ref)
end

local function settle(row, ref, place, app, id, line)
  write(row, ref, place, app, id)
  if row.more.dead then keep_dead(ref) end
  if row.more.thread then
    redis.call('SET', prefix .. ':thread:' .. place .. '/' .. row.digest, row.more.thread, 'PX', 604800000)
  end
  left[#left + 1] = row.member
  leave_place(place)
  leave_line(line, ref, place)
end

local function retry(row, ref, place, app, id, line)
  write(row, ref, place, app, id)
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
local is_held, wanted_places, wanted_lines = ask_in_chunks('ZMSCORE', LEASED, members), {}, {}
for i, row in ipairs(rows) do
  row.ref, row.place, row.app, row.id = string.match(row.member, '^[^|]*|([^/]*/(([^/]*)/[^/]*)/(.*))$')
  wanted_places[i], wanted_lines[i] = row.place, row.place .. '/' .. row.digest
end
look_up_places(wanted_places)
look_up_lines(wanted_lines)
for i, row in ipairs(rows) do
  local place = row.place
  if (row.more.hold or 0) > now then redis.call('HSET', prefix .. ':holds', place, row.more.hold) end
  note_health(place, row.more.health or '', row.more.why or '')
  if not is_held[i] then
    lost[#lost + 1] = row.member
  else
    local go_on = row.due == 0 and settle or retry
    go_on(row, row.ref, place, row.app, row.id, wanted_lines[i])
  end
end
remove_all(LEASED, left)
write_lines()
trim_results()
return {woken_ones(), lost, superseded}
