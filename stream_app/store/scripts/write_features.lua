-- Overwrite the features of one entity, unless a later event has written already.
-- KEYS: features, entities. ARGV: offset, TTL seconds, entity, event time, then field, value, field, value, ...
-- Answers 1 when written.
local stored = redis.call('HGET', KEYS[1], '_offset')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then
  return 0
end
-- A full store refuses a script at its first write, if that one needs memory; after a DEL it would let all pass.
redis.call('HSET', KEYS[1], '_offset', ARGV[1])
-- A feature that is no longer computed must not stay behind.
redis.call('DEL', KEYS[1])
-- unpack() is bounded by Lua's stack, so the pairs go in slices.
redis.call('HSET', KEYS[1], '_offset', ARGV[1])
for first = 5, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
return 1
