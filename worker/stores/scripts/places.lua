-- Places at destinations: as many deliveries as `cap` are woken or leased per destination, over all workers (`busy`
-- counts them); the others queue there. So nobody's backlog stands in anybody else's way, and no worker holds what it
-- has no room for.
local busy, places, woken, is_woken, touched = {}, {}, {}, {}, {}
local queued_before = 0
local any_waiting = redis.call('EXISTS', WAITING) == 1

local function queue_key(place)
  return prefix .. ':queue:' .. place
end

-- Learn how many are at these places, in one call.
local function look_up_places(wanted)
  local unknown = {}
  for _, place in ipairs(wanted) do
    if not busy[place] then
      busy[place] = 0
      unknown[#unknown + 1], places[#places + 1] = place, place
    end
  end
  for i, count in ipairs(ask_in_chunks('HMGET', BUSY, unknown)) do busy[unknown[i]] = tonumber(count or '0') end
end

local function change(place, by)
  if not busy[place] then look_up_places({place}) end
  busy[place] = math.max(0, busy[place] + by)
  touched[place] = true
end

local function wake(ref)
  woken[#woken + 1] = ref
  is_woken[ref] = true
end

local function wait(ref)
  redis.call('ZADD', WAITING, now, ref)
  any_waiting = true
end

-- Critical ones and those that end an alarm come first at a destination, then whoever came first.
local function enqueue(ref, place, urgent)
  queued_before = queued_before + 1
  redis.call('ZADD', queue_key(place), (urgent and 0 or 1e13) + now + 0.002 * math.min(queued_before, 400), ref)
  wait(ref)
end

-- A delivery may be worked on now: it is woken, or it queues.
local function enter(ref, place, urgent)
  if not busy[place] then look_up_places({place}) end
  if busy[place] >= cap then return enqueue(ref, place, urgent) end
  change(place, 1)
  wake(ref)
end

-- A delivery is not worked on any more, and whoever queues may come.
local function leave_place(place)
  change(place, -1)
end

local function refill(place)
  local room = cap - busy[place]
  if room <= 0 then return end
  local next_ones = redis.call('ZPOPMIN', queue_key(place), room)
  for i = 1, #next_ones, 2 do
    if redis.call('ZREM', WAITING, next_ones[i]) == 1 then
      change(place, 1)
      wake(next_ones[i])
    end
  end
end

local function unqueue(ref, place)
  redis.call('ZREM', queue_key(place), ref)
  return redis.call('ZREM', WAITING, ref) == 1
end

-- Write down who is woken and how many are where. Returns the references to publish.
local function woken_ones()
  if any_waiting then
    for _, place in ipairs(places) do
      if touched[place] then refill(place) end
    end
  end
  local counts, gone, refs = {}, {}, {}
  for _, place in ipairs(places) do
    if touched[place] and busy[place] > 0 then
      counts[#counts + 1], counts[#counts + 2] = place, busy[place]
    elseif touched[place] then
      gone[#gone + 1] = place
    end
  end
  put_all(BUSY, counts)
  call_in_chunks('HDEL', BUSY, gone, 1)
  for _, ref in ipairs(woken) do
    if is_woken[ref] then refs[#refs + 1] = ref end
  end
  add_all(WOKEN, now + wake_ms, refs)
  return refs
end
