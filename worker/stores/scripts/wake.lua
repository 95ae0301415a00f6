-- What is due is to be worked on: retries whose time has come, deliveries whose worker died, wake-ups that were lost.
-- ARGV: prefix, wake ms, how many at the most, lease ms. Returns {refs to publish, refs whose lease had ended}.
local wake_ms, room, lease_ms = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local woken, ended = {}, {}

local function wake(ref)
  redis.call('ZADD', WOKEN, now + wake_ms, ref)
  woken[#woken + 1] = ref
end

local function due(set, before)
  if #woken >= room then return {} end
  return redis.call('ZRANGEBYSCORE', set, '-inf', before or now, 'LIMIT', 0, room - #woken)
end

-- Nobody has looked for a while: Redis was away, or no worker ran. Those that still live renew their leases first.
local beat = tonumber(redis.call('GET', prefix .. ':beat') or '') or now
redis.call('SET', prefix .. ':beat', now)
if now - beat > 2000 then redis.call('SET', prefix .. ':amnesty', 1, 'PX', math.ceil(lease_ms / 2)) end
local amnesty = redis.call('EXISTS', prefix .. ':amnesty') == 1

for _, member in ipairs(amnesty and {} or due(LEASED)) do
  local ref = string.match(member, '^[^|]*|(.*)$')
  local _, app, destination, id = parts(ref)
  redis.call('ZREM', LEASED, member)
  redis.call('HINCRBY', event_key(app, id), 'c:' .. destination, 1)
  ended[#ended + 1] = ref
  local digest = redis.call('HGET', event_key(app, id), 'line')
  local head = digest and redis.call('LINDEX', line_key(app, destination, digest), 0)
  if head and string.sub(head, 2) ~= ref then
    redis.call('ZADD', WAITING, now, ref)
  else
    wake(ref)
  end
end
local probed = {}
for _, ref in ipairs(due(OWED)) do
  local _, app, destination = parts(ref)
  local trouble = trouble_of(app .. '/' .. destination)
  local place = app .. '/' .. destination
  if trouble and not trouble.paused and trouble.until_ms > now then
    -- Its circuit is open: publishing it would be in vain.
    redis.call('ZADD', OWED, trouble.half and math.min(trouble.until_ms, now + 2000) or trouble.until_ms, ref)
  elseif trouble and not trouble.paused and trouble.until_ms > 0 and probed[place] then
    -- One goes as the probe; the others would only be turned back.
    redis.call('ZADD', OWED, now + 1000, ref)
  else
    probed[place] = true
    redis.call('ZREM', OWED, ref)
    wake(ref)
  end
end
for _, ref in ipairs(due(WOKEN)) do wake(ref) end
-- What stood before it should be settled long ago; whatever became of that, nothing waits for ever.
for _, ref in ipairs(due(WAITING, now - 86400000)) do
  redis.call('ZREM', WAITING, ref)
  wake(ref)
end
return {woken, ended}
