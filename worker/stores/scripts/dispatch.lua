-- Events become owed deliveries, and their stream entries are acknowledged and deleted, in one step: an event
-- is always in the stream or in the ledger.
-- ARGV: prefix, wake ms, lease ms, retention ms, repeat ms, lease token, group, rejected kept, results kept, events, then per event:
--   entry, app, event id, event JSON, line digest, flag (f firing | r resolved), `to` (destination=channel …),
--   deliveries, [ref]*, skipped, [destination, record JSON, result JSON]*
-- Returns {woken refs, superseded `token|ref`s, ids of repeated events}.
local wake_ms, lease_ms, retention_ms, repeat_ms = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local token, group, rejected_kept, results_kept = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local woken, superseded, repeated, entries = {}, {}, {}, {}
local at = 11

local function take()
  at = at + 1
  return ARGV[at - 1]
end

-- What the producer sent, where it is still on the stream; rejected events are kept as they came (64 KiB of them).
local function as_sent(entry, event)
  local found = string.find(entry, '^%d+%-%d+$') and redis.call('XRANGE', prefix .. ':events', entry, entry)[1]
  for i = 1, found and #found[2] or 0, 2 do
    if found[2][i] == 'event' then event = found[2][i + 1] end
  end
  return string.sub(event, 1, 65536)
end

local function hold(ref)
  redis.call('ZADD', LEASED, now + lease_ms, token .. '|' .. ref)
  superseded[#superseded + 1] = token .. '|' .. ref
end

-- A "resolved" that comes while its "firing" is still owed takes its place: nobody is paged for what is over.
-- The dispatcher holds the firing one under a lease until it has written its result.
local function supersede(line)
  for _, item in ipairs(redis.call('LRANGE', line, 0, -2)) do
    local ref = string.sub(item, 2)
    if string.sub(item, 1, 1) == 'f'
      and redis.call('ZREM', WAITING, ref) + redis.call('ZREM', OWED, ref) + redis.call('ZREM', WOKEN, ref) > 0 then
      hold(ref)
    end
  end
end

-- Whether a "resolved" that came later was dispatched already (another worker was faster, or this entry was taken over
-- from one that died): then the firing one is over, and must not be told after it.
local function overtaken(entry, app, digest, flag)
  local ms, sequence = string.match(entry, '^(%d+)%-(%d+)$')
  if not ms then return false end
  local key = prefix .. ':resolved:' .. app .. '/' .. digest
  local last = redis.call('GET', key)
  local last_ms, last_sequence = string.match(last or '0-0', '^(%d+)%-(%d+)$')
  ms, sequence, last_ms, last_sequence = tonumber(ms), tonumber(sequence), tonumber(last_ms), tonumber(last_sequence)
  local older = ms < last_ms or (ms == last_ms and sequence < last_sequence)
  if flag == 'r' and not older then redis.call('SET', key, entry, 'PX', repeat_ms) end
  return flag == 'f' and older
end

local function owe(ref, digest, flag)
  local _, app, destination = parts(ref)
  local line = line_key(app, destination, digest)
  local place = redis.call('RPUSH', line, flag .. ref)
  redis.call('PEXPIRE', line, retention_ms)
  if place == 1 then
    redis.call('ZADD', WOKEN, now + wake_ms, ref)
    woken[#woken + 1] = ref
    return
  end
  redis.call('ZADD', WAITING, now, ref)
  if flag == 'r' then supersede(line) end
end

for _ = 1, tonumber(ARGV[10]) do
  local entry, app, id, event, digest, flag, to = take(), take(), take(), take(), take(), take(), take()
  local key = event_key(app, id)
  local seen = redis.call('HMGET', key, 'entry', 'at')
  local fresh = not seen[1] or now - seen[2] >= repeat_ms
  local over = fresh and overtaken(entry, app, digest, flag)
  if fresh then
    if seen[1] then redis.call('DEL', key) end
    redis.call('HSET', key, 'event', event, 'entry', entry, 'at', now, 'line', digest, 'to', to)
    redis.call('PEXPIRE', key, retention_ms)
    redis.call('ZADD', prefix .. ':recent', now, app .. '/' .. id)
  elseif seen[1] ~= entry then
    -- The same entry once more is only a message that came twice; another entry is a producer's repetition.
    repeated[#repeated + 1] = app .. '/' .. id
    redis.call('XADD', prefix .. ':rejected', 'MAXLEN', '~', rejected_kept, '*', 'event', as_sent(entry, event),
      'entry', entry, 'error',
      'id: was seen before, on entry ' .. seen[1] .. '; an id counts once in 24 hours, so nothing is delivered again')
  end
  for _ = 1, tonumber(take()) do
    local ref = take()
    if over then hold(ref) elseif fresh then owe(ref, digest, flag) end
  end
  for _ = 1, tonumber(take()) do
    local destination, record, result = take(), take(), take()
    if fresh then
      redis.call('HSET', key, 'd:' .. destination, record)
      redis.call('XADD', prefix .. ':results', 'MAXLEN', '~', results_kept, '*', 'result', result)
    end
  end
  if string.find(entry, '^%d+%-%d+$') then entries[#entries + 1] = entry end
end

redis.call('ZREMRANGEBYSCORE', prefix .. ':recent', '-inf', now - retention_ms)
if #entries > 0 then
  -- The group may be gone (a deleted stream, a flushed Redis); acknowledging is then for nobody.
  redis.pcall('XACK', prefix .. ':events', group, unpack(entries))
  redis.call('XDEL', prefix .. ':events', unpack(entries))
end
return {woken, superseded, repeated}
