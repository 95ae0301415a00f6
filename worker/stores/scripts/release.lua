-- A worker that stops hands back what it could not finish: due at once, instead of when the lease ends. Whether the
-- message went out nobody knows, so it counts as an attempt of unknown fate. ARGV: [token|ref]*
-- Returns the refs to publish.
while at < #ARGV do
  local member = take()
  if redis.call('ZREM', LEASED, member) == 1 then
    local ref = string.match(member, '^[^|]*|(.*)$')
    local _, app, destination, id = parts(ref)
    redis.call('HINCRBY', event_key(app, id), 'g:' .. destination, 1)
    redis.call('ZADD', OWED, now, ref)
    leave_place(app .. '/' .. destination)
  end
end
return woken_ones()
