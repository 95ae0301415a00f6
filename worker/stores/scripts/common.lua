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
-- When what is kept from now on ends. Redis writes any other form of it to its log as this one, key by key.
local ends_at = string.format('%.0f', now + retention_ms)

local at = 6
local function take()
  at = at + 1
  return ARGV[at]
end

local EVENT, RECORD = prefix .. ':event:', prefix .. ':record:'

local function event_key(app, event_id)
  return EVENT .. app .. '/' .. event_id
end

-- What is kept of an event: `entry at line to`, separated by tabs, a new line, and the event's JSON.
local function header(stored)
  return string.match(stored, '^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\n]*)\n')
end

local function record_key(place, event_id)
  return RECORD .. place .. '/' .. event_id
end

local function keep(key, value)
  redis.call('SET', key, value, 'PXAT', ends_at)
end

-- A reference's place, app and event id.
local function parts(ref)
  return string.match(ref, '^[^/]*/(([^/]*)/[^/]*)/(.*)$')
end

local function place_of(ref)
  return string.match(ref, '^[^/]*/([^/]*/[^/]*)/')
end

-- One command for many arguments; as few calls as may be is what makes the scripts fast.
local function call_in_chunks(command, key, arguments, step)
  for first = 1, #arguments, CHUNK * step do
    redis.call(command, key, unpack(arguments, first, math.min(first + CHUNK * step - 1, #arguments)))
  end
end

-- What `command` answers for all of `arguments`, false for what is not there. `key` is nil for MGET.
local function ask_in_chunks(command, key, arguments)
  local answers = {}
  for first = 1, #arguments, CHUNK do
    local last = math.min(first + CHUNK - 1, #arguments)
    local found
    if key then
      found = redis.call(command, key, unpack(arguments, first, last))
    else
      found = redis.call(command, unpack(arguments, first, last))
    end
    for i = 1, last - first + 1 do answers[first + i - 1] = found[i] end
  end
  return answers
end

local function add_all(key, score, members)
  local arguments, at_score = {}, string.format('%.0f', score)
  for i, member in ipairs(members) do
    arguments[2 * i - 1], arguments[2 * i] = at_score, member
  end
  call_in_chunks('ZADD', key, arguments, 2)
end

-- A small hash is kept as a list in which every field is looked for from the front, so that hundreds at once cost the
-- square of that. A field as long as this one has Redis keep it as a table, until the hash is empty again.
-- https://valkey.io/topics/memory-optimization/
local LONG = string.rep('.', 100)
local FEW = 32

local function put_all(key, pairs)
  if #pairs > 2 * FEW then redis.call('HSET', key, LONG, '') end
  call_in_chunks('HSET', key, pairs, 2)
  if #pairs > 2 * FEW then redis.call('HDEL', key, LONG) end
end

local function remove_all(key, members)
  call_in_chunks('ZREM', key, members, 1)
end

-- Results for producers; they are trimmed once for all that a script adds.
local RESULTS = prefix .. ':results'
local any_results = false

local function tell(result)
  redis.call('XADD', RESULTS, '*', 'result', result)
  any_results = true
end

local function trim_results()
  if any_results then redis.call('XTRIM', RESULTS, 'MAXLEN', '~', results_kept) end
end

-- What is not in the usual life of a delivery, by reference: how many workers died over it, how often it was handed
-- back, when it was replayed (ms). Most deliveries have no marks.
local MARKS = prefix .. ':marks'

local function read_marks(raw)
  local deaths, back, replayed = string.match(raw or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(deaths or 0), tonumber(back or 0), tonumber(replayed or 0)
end

local function mark(ref, deaths, back, replayed)
  if deaths + back + replayed == 0 then return redis.call('HDEL', MARKS, ref) end
  redis.call('HSET', MARKS, ref, string.format('%d %d %.0f', deaths, back, replayed))
end
