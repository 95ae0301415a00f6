-- Lines: of one condition to one destination deliveries go one at a time and in order. A line is named
-- `app/destination/digest`; `heads` knows whose turn it is, `line:…` lists who stands behind. An item is `f` (firing) or
-- `r` (resolved) and the reference.
local HEADS = prefix .. ':heads'
local heads, is_known, changed_lines = {}, {}, {}

local function line_key(line)
  return prefix .. ':line:' .. line
end

-- Learn whose turn it is in these lines, in one call.
local function look_up_lines(wanted)
  local unknown = {}
  for _, line in ipairs(wanted) do
    if not is_known[line] then
      is_known[line] = true
      unknown[#unknown + 1] = line
    end
  end
  for i, head in ipairs(ask_in_chunks('HMGET', HEADS, unknown)) do heads[unknown[i]] = head end
end

local function head_of(line)
  if not is_known[line] then look_up_lines({line}) end
  return heads[line] or nil
end

local function set_head(line, item)
  is_known[line] = true
  if changed_lines[line] == nil then changed_lines[#changed_lines + 1] = line end
  changed_lines[line] = true
  heads[line] = item or false
end

-- Whoever stood before `ref` may have left: the next of the same condition comes.
local function next_in_line(line, place)
  local item = any_waiting and redis.call('LPOP', line_key(line))
  set_head(line, item)
  if not item then return end
  local ref = string.sub(item, 2)
  if redis.call('ZREM', WAITING, ref) == 1 then enter(ref, place, string.sub(item, 1, 1) == 'r') end
end

local function leave_line(line, ref, place)
  local head = head_of(line)
  if not head or string.sub(head, 2) == ref then return next_in_line(line, place) end
  -- A superseded one, from the middle.
  if redis.call('LREM', line_key(line), 1, 'f' .. ref) == 0 then redis.call('LREM', line_key(line), 1, 'r' .. ref) end
end

local function write_lines()
  local now_heads, gone = {}, {}
  for _, line in ipairs(changed_lines) do
    if heads[line] then
      now_heads[#now_heads + 1], now_heads[#now_heads + 2] = line, heads[line]
    else
      gone[#gone + 1] = line
    end
  end
  put_all(HEADS, now_heads)
  call_in_chunks('HDEL', HEADS, gone, 1)
end
