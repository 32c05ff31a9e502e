-- Take what only one process may do for some time, or keep it: the messages of a route, the triggers of a model.
-- KEYS: lease. ARGV: who, milliseconds.
-- Answers 1, or 0 where it is another's.
local owner = redis.call('MGET', KEYS[1])[1]
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
