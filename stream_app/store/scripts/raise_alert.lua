-- Record the beginning, the rise or the end of an alert once, however often it is told.
-- KEYS: alert, stream of alerts, firing, incident, its alerts, firing incidents, and for an owner of a partition: outbox,
-- position.
-- ARGV: epoch, owner, id, transition (firing, escalated, resolved), ordering time, JSON, TTL seconds after the end, stream length, channel, then of its incident:
-- id, state, ordering time, JSON.
-- Answers {1, 0} when it was new, {0, 0} when it was known, or a refusal.
if KEYS[8] then
  local refused = refusal(KEYS[8], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
  redis.call('XLEN', KEYS[7])
end
local told = redis.call('HGET', KEYS[1], 'state')
if told == ARGV[4] or told == 'resolved' or (told and ARGV[4] == 'firing') then
  return {0, 0}
end
-- A key of another type is noticed here and above, before anything is written.
redis.call('XLEN', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('HLEN', KEYS[4])
redis.call('ZCARD', KEYS[5])
redis.call('ZCARD', KEYS[6])
if KEYS[8] then
  redis.call('XADD', KEYS[7], '*', 'alert', ARGV[6])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], '*', 'id', ARGV[3], 'state', ARGV[4], 'alert', ARGV[6])
if ARGV[4] ~= 'resolved' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
else
  redis.call('ZREM', KEYS[3], ARGV[3])
end
redis.call('ZADD', KEYS[5], ARGV[5], ARGV[3])
redis.call('HSET', KEYS[4], 'incident', ARGV[13])
if ARGV[11] == 'firing' then
  redis.call('ZADD', KEYS[6], ARGV[12], ARGV[10])
  redis.call('PERSIST', KEYS[4])
  redis.call('PERSIST', KEYS[5])
else
  redis.call('ZREM', KEYS[6], ARGV[10])
  redis.call('EXPIRE', KEYS[4], ARGV[7])
  redis.call('EXPIRE', KEYS[5], ARGV[7])
end
-- By this it counts as told, so it comes after all that a refusal could leave out.
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'alert', ARGV[6])
if ARGV[4] == 'resolved' then
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
redis.call('PUBLISH', ARGV[9], ARGV[6])
return {1, 0}
