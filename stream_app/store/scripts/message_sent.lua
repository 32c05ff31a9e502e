-- Let a message of a route go, once it has arrived.
-- KEYS: lease, message. ARGV: who, message.
-- Answers 1, or 0 where the route is another's, who may be sending the next one.
local found = redis.call('MGET', KEYS[1], KEYS[2])
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[2])
return 1
