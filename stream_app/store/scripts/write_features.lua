-- Overwrite the features of one entity, unless a later event has written already.
-- KEYS: features, entities, and for an owner of a partition: position.
-- ARGV: epoch, owner, offset, TTL seconds, most entities, entity, event time, then field, value, field, value, ...
-- Answers {1, 0} when written, {0, 0} when a later event was there, or a refusal.
if KEYS[3] then
  local refused = refusal(KEYS[3], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
end
local stored = redis.call('HGET', KEYS[1], '_offset')
if stored and tonumber(stored) >= tonumber(ARGV[3]) then
  return {0, 0}
end
-- A key of another type is noticed before anything is written.
local entities = redis.call('ZCARD', KEYS[2])
-- A full store refuses a script at its first write, if that one needs memory; after a DEL it would let all pass.
redis.call('HSET', KEYS[1], '_offset', ARGV[3])
-- A feature that is no longer computed must not stay behind.
redis.call('DEL', KEYS[1])
-- unpack() is bounded by Lua's stack, so the pairs go in slices.
redis.call('HSET', KEYS[1], '_offset', ARGV[3])
for first = 8, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[7], ARGV[6])
if entities >= tonumber(ARGV[5]) then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[5]))
end
return {1, 0}
