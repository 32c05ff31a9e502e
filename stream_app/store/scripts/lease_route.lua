-- Take a route for some time, or keep it: only one notifier sends its messages.
-- KEYS: lease. ARGV: who, milliseconds.
-- Answers 1, or 0 where it is another's.
local owner = redis.call('MGET', KEYS[1])[1]
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
