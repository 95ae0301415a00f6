-- What every ledger script begins with. A delivery's reference is `channel/app/destination/event id`, and its place
-- `app/destination`. Where it stands is told by the one sorted set that holds it (docs/architecture.md draws the states):
--   waiting  behind another of the same condition (`line:…`), or because its destination has its fill (`queue:…`)
--   owed     by the time it is due
--   woken    by the time to wake it again, should its Celery message be lost
--   leased   as `token|reference`, by the end of the lease: somebody is at it
-- ARGV 1 to 6: prefix, how many may be woken or leased per destination, wake ms, lease ms, retention ms, results kept.
local prefix, cap, wake_ms, lease_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local retention_ms, results_kept = ARGV[5], ARGV[6]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local OWED, WOKEN, LEASED, WAITING = prefix .. ':owed', prefix .. ':woken', prefix .. ':leased', prefix .. ':waiting'
local BUSY = prefix .. ':busy'
-- As many as Lua unpacks with ease.
local CHUNK = 1000

local at = 6
local function take()
  at = at + 1
  return ARGV[at]
end

local function event_key(app, event_id)
  return prefix .. ':event:' .. app .. '/' .. event_id
end

local function parts(ref)
  return string.match(ref, '^([^/]*)/([^/]*)/([^/]*)/(.*)$')
end

local function place_of(ref)
  return string.match(ref, '^[^/]*/([^/]*/[^/]*)/')
end

local function line_key(place, digest)
  return prefix .. ':line:' .. place .. '/' .. digest
end

-- One command for many arguments; as few calls as may be is what makes the scripts fast.
local function call_in_chunks(command, key, arguments, step)
  for first = 1, #arguments, CHUNK * step do
    redis.call(command, key, unpack(arguments, first, math.min(first + CHUNK * step - 1, #arguments)))
  end
end

-- The scores of `members`, false for those that are not there.
local function scores_of(key, members)
  local scores = {}
  for first = 1, #members, CHUNK do
    local found = redis.call('ZMSCORE', key, unpack(members, first, math.min(first + CHUNK - 1, #members)))
    for i = 1, #found do scores[#scores + 1] = found[i] end
  end
  return scores
end

local function add_all(key, score, members)
  local arguments = {}
  for i, member in ipairs(members) do
    arguments[2 * i - 1], arguments[2 * i] = score, member
  end
  call_in_chunks('ZADD', key, arguments, 2)
end

local function remove_all(key, members)
  call_in_chunks('ZREM', key, members, 1)
end
