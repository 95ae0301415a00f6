-- Deliveries whose event is gone (deleted by hand, or thrown out by a Redis that evicts): nothing is left to deliver.
-- ARGV: prefix, [token|ref]*
for i = 2, #ARGV do redis.call('ZREM', LEASED, ARGV[i]) end
return #ARGV - 1
