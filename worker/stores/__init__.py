"""What Bellhop keeps: the ledger, the destinations and the records, on Redis and in memory."""
