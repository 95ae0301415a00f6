-- No place for these now: they are woken again a little later. ARGV: prefix, delay ms, [ref]*
for i = 3, #ARGV do
  if redis.call('ZSCORE', WOKEN, ARGV[i]) then redis.call('ZADD', WOKEN, now + tonumber(ARGV[2]), ARGV[i]) end
end
return #ARGV - 2
