-- Remove what is published from an outbox.
-- KEYS: outbox, position. ARGV: epoch, owner, id of the first entry to keep.
-- Answers {1, number of entries left}, or a refusal.
local refused = refusal(KEYS[2], ARGV[1], ARGV[2])
if refused then
  return refused
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3])
return {1, redis.call('XLEN', KEYS[1])}
