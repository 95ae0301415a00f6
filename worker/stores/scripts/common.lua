-- What every ledger script begins with. A delivery's reference is `channel/app/destination/event id`.
-- Where it stands is told by the one sorted set that holds it (docs/architecture.md draws the states):
--   waiting  behind another delivery of the same condition to the same destination
--   owed     by the time it is due
--   woken    by the time to wake it again, should its Celery message be lost
--   leased   as `token|reference`, by the end of the lease: somebody is at it
local prefix = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local OWED, WOKEN, LEASED, WAITING = prefix .. ':owed', prefix .. ':woken', prefix .. ':leased', prefix .. ':waiting'

local function event_key(app, event_id)
  return prefix .. ':event:' .. app .. '/' .. event_id
end

local function parts(ref)
  return string.match(ref, '^([^/]*)/([^/]*)/([^/]*)/(.*)$')
end

local function line_key(app, destination, digest)
  return prefix .. ':line:' .. app .. '/' .. destination .. '/' .. digest
end
