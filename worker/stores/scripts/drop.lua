-- Deliveries whose event is gone (deleted by hand, or thrown out by a Redis that evicts): nothing is left to deliver.
-- ARGV: [token|ref]*. Returns the refs to publish.
while at < #ARGV do
  local member = take()
  local ref = string.match(member, '^[^|]*|(.*)$')
  if redis.call('ZREM', LEASED, member) == 1 then
    redis.call('HDEL', MARKS, ref)
    leave_place(place_of(ref))
  end
end
return woken_ones()
