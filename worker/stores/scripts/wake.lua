-- What is due is to be worked on: retries whose time has come, deliveries whose worker died, wake-ups that were lost.
-- ARGV: how many at the most. Returns {refs to publish, refs whose lease had ended, how many were due}.
local room = tonumber(take())
local ended, left, seen = {}, {}, 0
-- Nothing is under way, so nobody can be anywhere; should a count ever be wrong, it is right from here on.
if redis.call('EXISTS', WOKEN, LEASED) == 0 then redis.call('DEL', BUSY) end

local function due(set, before)
  if seen >= room then return {} end
  local found = redis.call('ZRANGEBYSCORE', set, '-inf', before or now, 'LIMIT', 0, room - seen)
  seen = seen + #found
  return found
end

-- Nobody has looked for a while: Redis was away, or no worker ran. Those that still live renew their leases first.
local beat = tonumber(redis.call('GET', prefix .. ':beat') or '') or now
redis.call('SET', prefix .. ':beat', now)
if now - beat > 2000 then redis.call('SET', prefix .. ':amnesty', 1, 'PX', math.ceil(lease_ms / 2)) end
local amnesty = redis.call('EXISTS', prefix .. ':amnesty') == 1

for _, member in ipairs(amnesty and {} or due(LEASED)) do
  local ref = string.match(member, '^[^|]*|(.*)$')
  local place, app, id = parts(ref)
  redis.call('ZREM', LEASED, member)
  local deaths, back, replayed = read_marks(redis.call('HGET', MARKS, ref))
  mark(ref, deaths + 1, back, replayed)
  ended[#ended + 1] = ref
  local stored = redis.call('GET', event_key(app, id))
  local _, _, line = header(stored or '')
  local head = line and head_of(place .. '/' .. string.sub(line, 2))
  if head and string.sub(head, 2) ~= ref then
    wait(ref)
    leave_place(place)
  else
    wake(ref)
  end
end

local probed, now_due, wanted_places = {}, due(OWED), {}
for i, ref in ipairs(now_due) do wanted_places[i] = place_of(ref) end
look_up_places(wanted_places)
for i, ref in ipairs(now_due) do
  local place = wanted_places[i]
  local trouble = trouble_of(place)
  if trouble and not trouble.paused and trouble.until_ms > now then
    -- Its circuit is open: publishing it would be in vain.
    redis.call('ZADD', OWED, trouble.half and math.min(trouble.until_ms, now + 2000) or trouble.until_ms, ref)
  elseif trouble and not trouble.paused and trouble.until_ms > 0 and probed[place] then
    -- One goes as the probe; the others would only be turned back.
    redis.call('ZADD', OWED, now + 1000, ref)
  else
    probed[place] = true
    left[#left + 1] = ref
    enter(ref, place)
  end
end
remove_all(OWED, left)

for _, ref in ipairs(due(WOKEN)) do wake(ref) end
-- What stood before it should be settled long ago; whatever became of that, nothing waits for ever.
for _, ref in ipairs(due(WAITING, now - 86400000)) do
  unqueue(ref, place_of(ref))
  enter(ref, place_of(ref), true)
end
return {woken_ones(), ended, seen}
