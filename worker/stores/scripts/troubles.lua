-- Destinations in trouble, one entry each in the hash `troubles`; a destination that works has none, and costs nothing.
--   ok, bad, run     answers and failures since the trouble began; failures in a row
--   denied           refusals (401, 403, 404, 410) in a row
--   opened, until_ms how often the circuit has opened in a row, and until when nobody is let through
--   half             whether a probe is on its way
--   paused           since when (ms) nothing is sent at all, and `why`
--   by_hand          whether somebody paused it: then what is still on its way changes nothing
local TROUBLES = prefix .. ':troubles'
local any_troubles = redis.call('EXISTS', TROUBLES) == 1
local RUN, WINDOW, SHARE, DENIED = 5, 20, 0.5, 3
local PAUSE_MS, PAUSE_CAP_MS = 5000, 60000

local function trouble_of(destination)
  if not any_troubles then return nil end
  local raw = redis.call('HGET', TROUBLES, destination)
  return raw and cjson.decode(raw) or nil
end

local function keep_trouble(destination, trouble)
  redis.call('HSET', TROUBLES, destination, cjson.encode(trouble))
  any_troubles = true
end

local function open_circuit(trouble)
  trouble.opened = trouble.opened + 1
  trouble.half = false
  trouble.until_ms = now + math.min(PAUSE_CAP_MS, PAUSE_MS * 2 ^ (trouble.opened - 1))
end

-- One attempt's news: ok (they answered), bad (they did not, or 5xx), denied (401, 403, 404, 410), or '' for neither.
local function note_health(destination, health, why)
  if health == '' then return end
  local trouble = trouble_of(destination)
  if trouble and trouble.by_hand then return end
  if health == 'ok' then
    if not trouble then return end
    trouble.ok, trouble.run, trouble.denied = trouble.ok + 1, 0, 0
    if trouble.until_ms > 0 or trouble.paused or trouble.ok >= trouble.bad then
      redis.call('HDEL', TROUBLES, destination)
    else
      keep_trouble(destination, trouble)
    end
    return
  end
  trouble = trouble or {ok = 0, bad = 0, run = 0, denied = 0, opened = 0, until_ms = 0, half = false}
  if health == 'denied' then
    trouble.denied = trouble.denied + 1
    if trouble.denied >= DENIED and not trouble.paused then
      trouble.paused, trouble.why = now, why
    end
  else
    trouble.bad, trouble.run, trouble.why = trouble.bad + 1, trouble.run + 1, why
    local all = trouble.ok + trouble.bad
    -- Those that were on their way when it opened say nothing new; the probe does.
    if trouble.half or (trouble.until_ms <= now and (trouble.run >= RUN or (all >= WINDOW and trouble.bad >= all * SHARE))) then
      open_circuit(trouble)
    end
  end
  keep_trouble(destination, trouble)
end

-- Until when (ms) a destination's circuit holds a delivery back, or nil. Lets one through as the probe when it is time.
local function circuit(destination, probe_ms)
  local trouble = trouble_of(destination)
  if not trouble or trouble.until_ms == 0 then return nil end
  if trouble.until_ms > now then
    -- While a probe is on its way it is worth looking again soon.
    return trouble.half and math.min(trouble.until_ms, now + 2000) or trouble.until_ms
  end
  trouble.half, trouble.until_ms = true, now + probe_ms
  keep_trouble(destination, trouble)
  return nil
end
