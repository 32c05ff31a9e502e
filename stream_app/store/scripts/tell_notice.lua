-- Put a notice into the outbox of its partition once, however often it is told.
-- KEYS: notice, outbox, position. ARGV: epoch, owner, field of the outbox's entry, JSON, TTL seconds.
-- Answers {1, 0} when it was new, {0, 0} when it was known, or a refusal.
local refused = refusal(KEYS[3], ARGV[1], ARGV[2])
if refused then
  return refused
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {0, 0}
end
redis.call('XADD', KEYS[2], '*', ARGV[3], ARGV[4])
-- By this it counts as told, so it comes after all that a refusal could leave out.
redis.call('SET', KEYS[1], ARGV[4], 'EX', ARGV[5])
return {1, 0}
