-- Record the beginning or the end of an alert once, however often it is told.
-- KEYS: alert, stream of alerts, firing. ARGV: id, state, ordering time, JSON, TTL seconds, stream length, channel.
-- Answers 1 when it was new.
local told = redis.call('HGET', KEYS[1], 'state')
if told == ARGV[2] or told == 'resolved' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'alert', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'id', ARGV[1], 'state', ARGV[2], 'alert', ARGV[4])
if ARGV[2] == 'firing' then
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[3], ARGV[1])
end
redis.call('PUBLISH', ARGV[7], ARGV[4])
return 1
