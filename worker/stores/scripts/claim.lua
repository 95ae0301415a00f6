-- Woken deliveries become leased. What is not there to be moved is skipped, so a message that comes twice does
-- nothing. What its destination may not take yet goes back to be owed.
-- ARGV: lease token, then per delivery: ref, limits, [limit key, count, per ms]*
-- Returns {now in ms, refs, [event as it is stored, record JSON or false]* of them, their marks or false, why their
-- destinations are paused or '', refs to publish}.
local token = take()
local HOLDS = prefix .. ':holds'
local any_holds = redis.call('EXISTS', HOLDS) == 1
local claimed, leased, left = {}, {}, {}

-- Until when the destination asked to be left alone (Retry-After), or nil.
local function held(place)
  local until_ms = tonumber(redis.call('HGET', HOLDS, place) or '')
  if not until_ms then return nil end
  if until_ms > now then return until_ms end
  redis.call('HDEL', HOLDS, place)
  return nil
end

-- The n-th latest score of a set, or nil where it has fewer.
local function latest(set, n)
  return tonumber(redis.call('ZRANGE', set, -n, -n, 'WITHSCORES')[2] or '')
end

-- When one limit lets this delivery go. `departed` logs who went, `slots` who has to wait and until when; in no span of
-- `per` milliseconds do more than `count` go, late ones included, and whoever waits has a slot of his own.
local function slot(limit, ref)
  redis.call('ZREMRANGEBYSCORE', limit.departed, '-inf', now - limit.per)
  redis.call('ZREMRANGEBYSCORE', limit.slots, '-inf', now - limit.per)
  local first = (latest(limit.departed, limit.count) or -limit.per) + limit.per
  local mine = tonumber(redis.call('ZSCORE', limit.slots, ref) or '')
  if mine then return math.max(mine, first) end
  local queued = redis.call('ZCARD', limit.slots)
  if queued == 0 then return first end
  local before
  if queued >= limit.count then
    before = latest(limit.slots, limit.count)
  else
    before = latest(limit.departed, limit.count - queued)
  end
  return math.max(first, (before or -limit.per) + limit.per)
end

-- Keys end a little after what they hold: fakeredis' clock goes on within a script, and a slow one would count nothing.
local SLACK_MS = 1000

-- When all limits let this delivery go; its departure or its slot is noted with each.
local function pass(ref, limits)
  local go = now
  for _, limit in ipairs(limits) do go = math.max(go, slot(limit, ref)) end
  for _, limit in ipairs(limits) do
    if go > now then
      redis.call('ZADD', limit.slots, go, ref)
      redis.call('PEXPIRE', limit.slots, go - now + limit.per + SLACK_MS)
    else
      redis.call('ZREM', limit.slots, ref)
      -- Under the lease's token: a retry is another departure.
      redis.call('ZADD', limit.departed, now, token .. '|' .. ref)
      redis.call('PEXPIRE', limit.departed, limit.per + SLACK_MS)
    end
  end
  return go
end

local function read_limits()
  local limits = {}
  for i = 1, tonumber(take()) do
    local key = take()
    limits[i] = {
      departed = prefix .. ':departed:' .. key,
      slots = prefix .. ':slots:' .. key,
      count = tonumber(take()),
      per = tonumber(take()),
    }
  end
  return limits
end

-- When a delivery may go, and why its destination is paused or ''.
local function when(ref, place, limits)
  local trouble = trouble_of(place)
  if trouble and trouble.paused then return now, trouble.why end
  local go = any_holds and held(place) or (trouble and circuit(place, lease_ms)) or now
  if go == now and #limits > 0 then go = pass(ref, limits) end
  return go, ''
end

local refs, limits_of = {}, {}
while at < #ARGV do
  refs[#refs + 1] = take()
  limits_of[#refs] = read_limits()
end
local is_there, keys, paused = ask_in_chunks('ZMSCORE', WOKEN, refs), {}, {}
for i, ref in ipairs(refs) do
  if is_there[i] then
    local place, app, id = parts(ref)
    local go, why = when(ref, place, limits_of[i])
    left[#left + 1] = ref
    if go > now then
      redis.call('ZADD', OWED, go, ref)
      leave_place(place)
    else
      leased[#leased + 1], claimed[#claimed + 1], paused[#paused + 1] = token .. '|' .. ref, ref, why
      keys[#keys + 1], keys[#keys + 2] = event_key(app, id), record_key(place, id)
    end
  end
end
remove_all(WOKEN, left)
add_all(LEASED, now + lease_ms, leased)
local kept, marks = ask_in_chunks('MGET', nil, keys), ask_in_chunks('HMGET', MARKS, claimed)
return {now, claimed, kept, marks, paused, woken_ones()}
