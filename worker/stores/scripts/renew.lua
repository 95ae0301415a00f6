-- A sign of life: the leases that are still held last longer. ARGV: prefix, lease ms, [token|ref]*
local held = 0
for i = 3, #ARGV do
  if redis.call('ZSCORE', LEASED, ARGV[i]) then
    redis.call('ZADD', LEASED, now + tonumber(ARGV[2]), ARGV[i])
    held = held + 1
  end
end
return held
