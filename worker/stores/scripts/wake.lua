-- What is due is to be worked on: retries whose time has come, deliveries whose worker died, wake-ups that were lost.
-- ARGV: prefix, wake ms, how many at the most. Returns {refs to publish, refs whose lease had ended}.
local wake_ms, room = tonumber(ARGV[2]), tonumber(ARGV[3])
local woken, ended = {}, {}

local function wake(ref)
  redis.call('ZADD', WOKEN, now + wake_ms, ref)
  woken[#woken + 1] = ref
end

local function due(set, before)
  if #woken >= room then return {} end
  return redis.call('ZRANGEBYSCORE', set, '-inf', before or now, 'LIMIT', 0, room - #woken)
end

for _, member in ipairs(due(LEASED)) do
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
for _, ref in ipairs(due(OWED)) do
  redis.call('ZREM', OWED, ref)
  wake(ref)
end
for _, ref in ipairs(due(WOKEN)) do wake(ref) end
-- What stood before it should be settled long ago; whatever became of that, nothing waits for ever.
for _, ref in ipairs(due(WAITING, now - 86400000)) do
  redis.call('ZREM', WAITING, ref)
  wake(ref)
end
return {woken, ended}
