-- Events become owed deliveries, and their stream entries are acknowledged and deleted, in one step: an event
-- is always in the stream or in the ledger.
-- ARGV: repeat ms, lease token, group, rejected kept, events, then per event:
--   entry, app, event id, event JSON, flag (f firing | c firing, critical | r resolved) and line digest,
--   `to` (destination=channel …), skipped, [destination, record JSON, result JSON]*
-- Returns {woken refs, superseded `token|ref`s, ids of repeated events}.
local repeat_ms, token, group, rejected_kept = tonumber(take()), take(), take(), take()
local superseded, repeated, entries, recent = {}, {}, {}, {}
local RESOLVED = prefix .. ':resolved'
local any_resolved = redis.call('EXISTS', RESOLVED) == 1

-- What the producer sent, where it is still on the stream; rejected events are kept as they came (64 KiB of them).
local function as_sent(entry, event)
  local found = string.find(entry, '^%d+%-%d+$') and redis.call('XRANGE', prefix .. ':events', entry, entry)[1]
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
  for _, item in ipairs(redis.call('LRANGE', line, 0, -2)) do
    local ref = string.sub(item, 2)
    if string.sub(item, 1, 1) == 'f' and take_back(ref, place) then hold(ref, place) end
  end
end

-- Whether a "resolved" that came later was dispatched already (another worker was faster, or this entry was taken over
-- from one that died): then the firing one is over, and must not be told after it. The hash exists while any is known.
local function overtaken(entry, app, digest, resolved)
  if not (any_resolved or resolved) then return false end
  local ms, sequence = string.match(entry, '^(%d+)%-(%d+)$')
  if not ms then return false end
  local key = RESOLVED .. ':' .. app .. '/' .. digest
  local last = redis.call('GET', key)
  local last_ms, last_sequence = string.match(last or '0-0', '^(%d+)%-(%d+)$')
  ms, sequence, last_ms, last_sequence = tonumber(ms), tonumber(sequence), tonumber(last_ms), tonumber(last_sequence)
  local older = ms < last_ms or (ms == last_ms and sequence < last_sequence)
  if resolved and not older then
    redis.call('SET', key, entry, 'PX', repeat_ms)
    redis.call('SET', RESOLVED, 1, 'PX', repeat_ms)
    any_resolved = true
  end
  return not resolved and older
end

-- Another of the same condition stands before it. One whose event is gone (thrown out by a Redis that evicts) does not.
local function is_behind(line, ref)
  local head = redis.call('LINDEX', line, 0)
  while head and string.sub(head, 2) ~= ref do
    local _, app, _, id = parts(string.sub(head, 2))
    if redis.call('EXISTS', event_key(app, id)) == 1 then return true end
    redis.call('LPOP', line)
    head = redis.call('LINDEX', line, 0)
  end
  return false
end

local function owe(ref, place, digest, flag)
  local line = line_key(place, digest)
  local length = redis.call('RPUSH', line, (flag == 'r' and 'r' or 'f') .. ref)
  if length > 1 and is_behind(line, ref) then
    wait(ref)
    if flag == 'r' then supersede(line, place) end
  else
    enter(ref, place, flag ~= 'f')
  end
end

local function write(key, entry, event, line, to)
  redis.call('HSET', key, 'event', event, 'entry', entry, 'at', now, 'line', line, 'to', to)
  redis.call('PEXPIRE', key, retention_ms)
end

local function note_repeated(app, id, entry, seen, event)
  repeated[#repeated + 1] = app .. '/' .. id
  redis.call('XADD', prefix .. ':rejected', 'MAXLEN', '~', rejected_kept, '*', 'event', as_sent(entry, event),
    'entry', entry, 'error',
    'id: was seen before, on entry ' .. seen .. '; an id counts once in 24 hours, so nothing is delivered again')
end

local function write_skipped(key, fresh)
  for _ = 1, tonumber(take()) do
    local destination, record, result = take(), take(), take()
    if fresh then
      redis.call('HSET', key, 'd:' .. destination, record)
      redis.call('XADD', prefix .. ':results', 'MAXLEN', '~', results_kept, '*', 'result', result)
    end
  end
end

for _ = 1, tonumber(take()) do
  local entry, app, id, event, line, to = take(), take(), take(), take(), take(), take()
  local flag, digest = string.sub(line, 1, 1), string.sub(line, 2)
  local key = event_key(app, id)
  local seen = redis.call('HMGET', key, 'entry', 'at')
  local fresh = not seen[1] or now - seen[2] >= repeat_ms
  if fresh then
    local over = overtaken(entry, app, digest, flag == 'r')
    if seen[1] then redis.call('DEL', key) end
    write(key, entry, event, line, to)
    recent[#recent + 1] = app .. '/' .. id
    for destination, channel in string.gmatch(to, '([^ =]+)=([^ ]+)') do
      local place = app .. '/' .. destination
      local ref = channel .. '/' .. place .. '/' .. id
      if over then hold(ref, place) else owe(ref, place, digest, flag) end
    end
  elseif seen[1] ~= entry then
    -- The same entry once more is only a message that came twice; another entry is a producer's repetition.
    note_repeated(app, id, entry, seen[1], event)
  end
  write_skipped(key, fresh)
  if string.find(entry, '^%d+%-%d+$') then entries[#entries + 1] = entry end
end

add_all(prefix .. ':recent', now, recent)
redis.call('ZREMRANGEBYSCORE', prefix .. ':recent', '-inf', now - retention_ms)
if #entries > 0 then
  -- The group may be gone (a deleted stream, a flushed Redis); acknowledging is then for nobody.
  redis.pcall('XACK', prefix .. ':events', group, unpack(entries))
  redis.call('XDEL', prefix .. ':events', unpack(entries))
end
return {woken_ones(), superseded, repeated}
