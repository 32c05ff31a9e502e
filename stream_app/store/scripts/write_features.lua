-- Overwrite the features of one entity, unless a later event has written already.
-- KEYS: features, entities, and for an owner of a partition: position.
-- ARGV: epoch, owner, life of the topic, partition, offset, TTL seconds, most entities, entity, event time, then field,
-- value, field, value, ...
-- Answers {1, 0} when written, {0, 0} when the same event has written, {2, 0} when a later one has, or a refusal.
if KEYS[3] then
  local refused = refusal(KEYS[3], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
end
-- Offsets say what is later within one partition of one topic, the events' times across partitions. A topic that was made
-- anew is later than what had its name before.
local stored = redis.call('HMGET', KEYS[1], '_offset', '_life', '_partition', '_event_ts')
if stored[1] and stored[2] == ARGV[3] then
  if stored[3] == ARGV[4] then
    local ahead = tonumber(stored[1]) - tonumber(ARGV[5])
    if ahead >= 0 then
      return {ahead > 0 and 2 or 0, 0}
    end
  elseif (tonumber(stored[4]) or 0) > tonumber(ARGV[9]) then
    return {2, 0}
  end
end
-- A key of another type is noticed before anything is written.
local entities = redis.call('ZCARD', KEYS[2])
-- A full store refuses a script at its first write, if that one needs memory; after a DEL it would let all pass.
redis.call('HSET', KEYS[1], '_offset', ARGV[5])
-- A feature that is no longer computed must not stay behind.
redis.call('DEL', KEYS[1])
-- unpack() is bounded by Lua's stack, so the pairs go in slices.
redis.call('HSET', KEYS[1], '_life', ARGV[3], '_partition', ARGV[4], '_offset', ARGV[5])
for first = 10, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[9], ARGV[8])
if entities >= tonumber(ARGV[7]) then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[7]))
end
return {1, 0}
