-- Events become owed deliveries, and their stream entries are acknowledged and deleted, in one step: an event
-- is always in the stream or in the ledger.
-- ARGV: repeat ms, lease token, group, rejected kept, events kept, events, then per event:
--   entry, app, event id, event JSON, flag (f firing | c firing, critical | r resolved) and line digest,
--   `to` (destination=channel …, `-destination=channel` where it is skipped), skipped,
--   [destination, record JSON, result JSON]*
-- Returns {woken refs, superseded `token|ref`s, ids of repeated events}.
local repeat_ms, token, group, rejected_kept, events_kept = tonumber(take()), take(), take(), take(), tonumber(take())
local superseded, repeated, entries, recent, alive, rows = {}, {}, {}, {}, {}, {}
local RESOLVED, arrived = prefix .. ':resolved', string.format('%.0f', now)
local any_resolved = redis.call('EXISTS', RESOLVED) == 1

-- What the producer sent, where it is still on the stream; rejected events are kept as they came (64 KiB of them).
local function as_sent(row)
  local event = row.event
  local found = string.find(row.entry, '^%d+%-%d+$') and redis.call('XRANGE', prefix .. ':events', row.entry, row.entry)[1]
  for i = 1, found and #found[2] or 0, 2 do
    if found[2][i] == 'event' then event = found[2][i + 1] end
  end
  return string.sub(event, 1, 65536)
end

local function hold(ref, place)
  redis.call('ZADD', LEASED, now + lease_ms, token .. '|' .. ref)
  change(place, 1)
  superseded[#superseded + 1] = token .. '|' .. ref
end

-- Whether a delivery was owed and not begun; it is nowhere then.
local function take_back(ref, place)
  if is_woken[ref] or redis.call('ZREM', WOKEN, ref) == 1 then
    is_woken[ref] = nil
    leave_place(place)
    return true
  end
  return unqueue(ref, place) or redis.call('ZREM', OWED, ref) == 1
end

-- A "resolved" that comes while its "firing" is still owed takes its place: nobody is paged for what is over.
-- The dispatcher holds the firing one under a lease until it has written its result.
local function supersede(line, place)
  for _, item in ipairs({heads[line], unpack(redis.call('LRANGE', line_key(line), 0, -2))}) do
    local ref = string.sub(item, 2)
    if string.sub(item, 1, 1) == 'f' and take_back(ref, place) then hold(ref, place) end
  end
end

-- Whether a "resolved" that came later was dispatched already (another worker was faster, or this entry was taken over
-- from one that died): then the firing one is over, and must not be told after it. The key RESOLVED is there while any is.
local function overtaken(row)
  local resolved = row.flag == 'r'
  if not (any_resolved or resolved) then return false end
  local ms, sequence = string.match(row.entry, '^(%d+)%-(%d+)$')
  if not ms then return false end
  local key = RESOLVED .. ':' .. row.app .. '/' .. row.digest
  local last = redis.call('GET', key)
  local last_ms, last_sequence = string.match(last or '0-0', '^(%d+)%-(%d+)$')
  ms, sequence, last_ms, last_sequence = tonumber(ms), tonumber(sequence), tonumber(last_ms), tonumber(last_sequence)
  local older = ms < last_ms or (ms == last_ms and sequence < last_sequence)
  if resolved and not older then
    redis.call('SET', key, row.entry, 'PX', repeat_ms)
    redis.call('SET', RESOLVED, 1, 'PX', repeat_ms)
    any_resolved = true
  end
  return not resolved and older
end

-- Whether somebody stands in the line. One whose event is gone (thrown out by a Redis that evicts) does not.
local function is_taken(line, place)
  local head = head_of(line)
  while head do
    local _, app, id = parts(string.sub(head, 2))
    local key = event_key(app, id)
    if alive[key] or redis.call('EXISTS', key) == 1 then return true end
    next_in_line(line, place)
    head = head_of(line)
  end
  return false
end

local function owe(ref, place, line, flag)
  local item = (flag == 'r' and 'r' or 'f') .. ref
  if not is_taken(line, place) then
    set_head(line, item)
    return enter(ref, place, flag ~= 'f')
  end
  redis.call('RPUSH', line_key(line), item)
  wait(ref)
  if flag == 'r' then supersede(line, place) end
end

local function note_repeated(row, seen_entry)
  repeated[#repeated + 1] = row.app .. '/' .. row.id
  redis.call('XADD', prefix .. ':rejected', 'MAXLEN', '~', rejected_kept, '*', 'event', as_sent(row),
    'entry', row.entry, 'error',
    'id: was seen before, on entry ' .. seen_entry .. '; an id counts once in 24 hours, so nothing is delivered again')
end

local function write(row)
  local head = row.entry .. '\t' .. arrived .. '\t' .. row.flag .. row.digest .. '\t' .. row.to .. '\n'
  keep(row.key, head .. row.event)
  alive[row.key] = row.entry
  recent[#recent + 1] = row.app .. '/' .. row.id
  for _, each in ipairs(row.skipped) do
    keep(record_key(row.app .. '/' .. each[1], row.id), each[2])
    tell(each[3])
  end
end

-- An id that is used again, a day later: what its deliveries were then must not count for those that come now.
local function forget(row)
  for _, each in ipairs(row.places) do
    local place, _, id = parts(each[1])
    redis.call('DEL', record_key(place, id))
    redis.call('HDEL', MARKS, each[1])
    redis.call('ZREM', prefix .. ':dead', each[1])
  end
end

local function read_row()
  local row = {entry = take(), app = take(), id = take(), event = take()}
  local line = take()
  row.flag, row.digest, row.to = string.sub(line, 1, 1), string.sub(line, 2), take()
  row.key, row.skipped, row.places = event_key(row.app, row.id), {}, {}
  for i = 1, tonumber(take()) do row.skipped[i] = {take(), take(), take()} end
  for destination, channel in string.gmatch(' ' .. row.to, ' ([^- =][^ =]*)=([^ ]+)') do
    local place = row.app .. '/' .. destination
    row.places[#row.places + 1] = {channel .. '/' .. place .. '/' .. row.id, place, place .. '/' .. row.digest}
  end
  return row
end

-- Whether every delivery of an event has come to its end.
local function is_settled(name, to)
  local app, id = string.match(name, '^([^/]*)/(.*)$')
  local keys = {}
  for destination in string.gmatch(to, '-?([^ =]+)=[^ ]+') do keys[#keys + 1] = record_key(app .. '/' .. destination, id) end
  for _, record in ipairs(ask_in_chunks('MGET', nil, keys)) do
    if not record or not string.find(record, '"outcome":"', 1, true) then return false, keys end
  end
  return true, keys
end

-- Of more events than are kept the oldest go, a few with each batch, unless something is still owed for them.
local function forget_the_oldest()
  local recents = prefix .. ':recent'
  local too_many = redis.call('ZCARD', recents) - events_kept
  if too_many <= 0 then return end
  local names, event_keys = redis.call('ZRANGE', recents, 0, math.min(too_many, 2 * #rows) - 1), {}
  for i, name in ipairs(names) do event_keys[i] = prefix .. ':event:' .. name end
  for i, raw in ipairs(ask_in_chunks('MGET', nil, event_keys)) do
    local _, _, _, to = header(raw or '')
    local settled, keys = is_settled(names[i], to or '')
    if settled then
      redis.call('DEL', event_keys[i], unpack(keys))
      redis.call('ZREM', recents, names[i])
    end
  end
end

local keys, wanted_places, wanted_lines = {}, {}, {}
for i = 1, tonumber(take()) do
  local row = read_row()
  rows[i], keys[i] = row, row.key
  for _, each in ipairs(row.places) do
    wanted_places[#wanted_places + 1], wanted_lines[#wanted_lines + 1] = each[2], each[3]
  end
end
look_up_places(wanted_places)
look_up_lines(wanted_lines)
local stored = ask_in_chunks('MGET', nil, keys)

for i, row in ipairs(rows) do
  local seen_entry, seen_at = alive[row.key], now
  if stored[i] and not seen_entry then seen_entry, seen_at = header(stored[i]) end
  if not seen_entry or now - seen_at >= repeat_ms then
    local over = overtaken(row)
    if stored[i] then forget(row) end
    write(row)
    for _, each in ipairs(row.places) do
      if over then hold(each[1], each[2]) else owe(each[1], each[2], each[3], row.flag) end
    end
  elseif seen_entry ~= row.entry then
    -- The same entry once more is only a message that came twice; another entry is a producer's repetition.
    note_repeated(row, seen_entry)
  end
  if string.find(row.entry, '^%d+%-%d+$') then entries[#entries + 1] = row.entry end
end

add_all(prefix .. ':recent', now, recent)
redis.call('ZREMRANGEBYSCORE', prefix .. ':recent', '-inf', now - retention_ms)
forget_the_oldest()
if #entries > 0 then
  -- The group may be gone (a deleted stream, a flushed Redis); acknowledging is then for nobody.
  redis.pcall('XACK', prefix .. ':events', group, unpack(entries))
  redis.call('XDEL', prefix .. ':events', unpack(entries))
end
write_lines()
trim_results()
return {woken_ones(), superseded, repeated}
