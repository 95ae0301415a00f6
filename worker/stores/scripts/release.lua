-- A worker that stops hands back what it could not finish: due at once, instead of when the lease ends. Whether the
-- message went out nobody knows, so it counts as an attempt of unknown fate. ARGV: prefix, [token|ref]*
for i = 2, #ARGV do
  if redis.call('ZREM', LEASED, ARGV[i]) == 1 then
    local ref = string.match(ARGV[i], '^[^|]*|(.*)$')
    local _, app, destination, id = parts(ref)
    redis.call('HINCRBY', event_key(app, id), 'g:' .. destination, 1)
    redis.call('ZADD', OWED, now, ref)
  end
end
return #ARGV - 1
