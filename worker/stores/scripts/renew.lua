-- A sign of life: the leases that are still held last longer. ARGV: [token|ref]*. Returns how many are still held.
local members, held = {}, {}
while at < #ARGV do members[#members + 1] = take() end
for i, score in ipairs(ask_in_chunks('ZMSCORE', LEASED, members)) do
  if score then held[#held + 1] = members[i] end
end
add_all(LEASED, now + lease_ms, held)
return #held
