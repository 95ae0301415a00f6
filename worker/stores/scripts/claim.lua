-- Woken deliveries become leased. What is not there to be moved is skipped, so a message that comes twice does
-- nothing. What its destination may not take yet goes back to be owed.
-- ARGV: prefix, lease ms, lease token, then per delivery: ref, limits, [limit key, count, per ms]*
-- Returns per delivery {ref, event JSON, delivery record JSON or false, how many workers died over it},
-- and now in ms as the first element.
local lease_ms, token = tonumber(ARGV[2]), ARGV[3]
local HOLDS = prefix .. ':holds'
local any_holds = redis.call('EXISTS', HOLDS) == 1
local claimed = {now}
local at = 4

local function take()
  at = at + 1
  return ARGV[at - 1]
end

-- Until when the destination asked to be left alone (Retry-After), or nil.
local function held(app, destination)
  local until_ms = tonumber(redis.call('HGET', HOLDS, app .. '/' .. destination) or '')
  if not until_ms then return nil end
  if until_ms > now then return until_ms end
  redis.call('HDEL', HOLDS, app .. '/' .. destination)
  return nil
end

-- When the vendor's limits let this delivery go. Each limit is a log of departures, taken and reserved, so that in no
-- span of `per` milliseconds there are more than `count`, and whoever has to wait gets a slot of his own.
local function slot(ref, limits)
  local go = now
  for _, limit in ipairs(limits) do
    local mine = redis.call('ZSCORE', limit.key, ref)
    if mine then
      go = math.max(go, tonumber(mine))
    else
      redis.call('ZREMRANGEBYSCORE', limit.key, '-inf', now - limit.per)
      local last = redis.call('ZRANGE', limit.key, -limit.count, -limit.count, 'WITHSCORES')[2]
      if last then go = math.max(go, tonumber(last) + limit.per) end
    end
  end
  for _, limit in ipairs(limits) do
    redis.call('ZREM', limit.key, ref)
    -- A departure is logged under the lease's token, so that a retry needs a slot of its own.
    redis.call('ZADD', limit.key, go, go > now and ref or token .. '|' .. ref)
    redis.call('PEXPIRE', limit.key, go - now + limit.per)
  end
  return go
end

while at <= #ARGV do
  local ref, limits = take(), {}
  for i = 1, tonumber(take()) do
    limits[i] = {key = prefix .. ':limit:' .. take(), count = tonumber(take()), per = tonumber(take())}
  end
  if redis.call('ZREM', WOKEN, ref) == 1 then
    local _, app, destination, id = parts(ref)
    local go = any_holds and held(app, destination) or now
    if go == now and #limits > 0 then go = slot(ref, limits) end
    if go > now then
      redis.call('ZADD', OWED, go, ref)
    else
      redis.call('ZADD', LEASED, now + lease_ms, token .. '|' .. ref)
      local found = redis.call('HMGET', event_key(app, id), 'event', 'd:' .. destination, 'c:' .. destination)
      claimed[#claimed + 1] = {ref, found[1], found[2], found[3]}
    end
  end
end
return claimed
