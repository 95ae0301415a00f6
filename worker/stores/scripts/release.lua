-- A worker that stops hands back what it could not finish: due at once, instead of when the lease ends. Whether the
-- message went out nobody knows, so it counts as an attempt of unknown fate. ARGV: [token|ref]*
-- Returns the refs to publish.
while at < #ARGV do
  local member = take()
  if redis.call('ZREM', LEASED, member) == 1 then
    local ref = string.match(member, '^[^|]*|(.*)$')
    local deaths, back, replayed = read_marks(redis.call('HGET', MARKS, ref))
    mark(ref, deaths, back + 1, replayed)
    redis.call('ZADD', OWED, now, ref)
    leave_place(place_of(ref))
  end
end
return woken_ones()
