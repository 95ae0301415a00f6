-- One try to log in: how many ms it has to wait, or 0, and then it is counted. Counted first and judged after, so that
-- many at once are no way around it; one that has to wait is not counted, so that nobody makes anybody's wait longer.
-- KEYS: of the name from this address, of the address, of everybody, and whether name and address have been right before.
-- ARGV: free tries, first wait ms, longest wait ms, forget after ms; tries of an address, window ms; of all, window ms.
local pair, address, all, known = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function over(key, most)
  if tonumber(redis.call('GET', key) or 0) < tonumber(most) then return 0 end
  return math.max(redis.call('PTTL', key), 1)
end

local function count(key, window)
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, window) end
end

local wait = math.max(tonumber(redis.call('HGET', pair, 'until') or 0) - now, over(address, ARGV[5]))
-- Who has been right from here before gets in, however many others are trying elsewhere.
if redis.call('EXISTS', known) == 0 then wait = math.max(wait, over(all, ARGV[7])) end
if wait > 0 then return wait end

local tries = redis.call('HINCRBY', pair, 'tries', 1)
local pause = 0
if tries >= tonumber(ARGV[1]) then
  pause = math.min(tonumber(ARGV[2]) * 2 ^ math.min(tries - tonumber(ARGV[1]), 30), tonumber(ARGV[3]))
end
redis.call('HSET', pair, 'until', string.format('%.0f', now + pause))
redis.call('PEXPIRE', pair, ARGV[4])
count(address, ARGV[6])
count(all, ARGV[8])
return 0
