-- Record the beginning or the end of an alert once, however often it is told.
-- KEYS: alert, stream of alerts, firing, and for an owner of a partition: outbox, position.
-- ARGV: epoch, owner, id, state, ordering time, JSON, TTL seconds after the end, stream length, channel.
-- Answers {1, 0} when it was new, {0, 0} when it was known, or a refusal.
if KEYS[5] then
  local refused = refusal(KEYS[5], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
  redis.call('XLEN', KEYS[4])
end
local told = redis.call('HGET', KEYS[1], 'state')
if told == ARGV[4] or told == 'resolved' then
  return {0, 0}
end
-- A key of another type is noticed here and above, before anything is written.
redis.call('XLEN', KEYS[2])
redis.call('ZCARD', KEYS[3])
if KEYS[5] then
  redis.call('XADD', KEYS[4], '*', 'alert', ARGV[6])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], '*', 'id', ARGV[3], 'state', ARGV[4], 'alert', ARGV[6])
if ARGV[4] == 'firing' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
else
  redis.call('ZREM', KEYS[3], ARGV[3])
end
-- By this it counts as told, so it comes after all that a refusal could leave out.
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'alert', ARGV[6])
if ARGV[4] ~= 'firing' then
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
redis.call('PUBLISH', ARGV[9], ARGV[6])
return {1, 0}
