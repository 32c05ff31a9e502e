-- Write down what a route tells of a group, together with the message that tells it, all or nothing.
-- KEYS: lease, message, group, due, then what was told of each incident.
-- ARGV: who, name of the group, its count as it was read, when it is looked at next ('' for never), when it is if more has
-- come since, message ('' for none), seconds that all is kept, number of fields that are over, those fields, and for each key of
-- what was told its value.
-- Answers 1, 0 where the route is another's, or -1 where a message is on its way already.
local found = redis.call('MGET', KEYS[1], KEYS[2])
if found[1] ~= ARGV[1] then
  return 0
end
if ARGV[6] ~= '' then
  if found[2] then
    return -1
  end
  redis.call('SET', KEYS[2], ARGV[6], 'EX', ARGV[7])
end
redis.call('EXPIRE', KEYS[3], ARGV[7])
redis.call('EXPIRE', KEYS[4], ARGV[7])
local over = tonumber(ARGV[8])
for i = 5, #KEYS do
  redis.call('SET', KEYS[i], ARGV[8 + over + i - 4], 'EX', ARGV[7])
end
if (redis.call('HGET', KEYS[3], 'count') or '') ~= ARGV[3] then
  -- More came meanwhile, perhaps of an incident that was over: it is looked at again.
  local soon = ARGV[4] == '' or tonumber(ARGV[5]) < tonumber(ARGV[4])
  redis.call('ZADD', KEYS[4], soon and ARGV[5] or ARGV[4], ARGV[2])
  return 1
end
for i = 9, 8 + over do
  redis.call('HDEL', KEYS[3], ARGV[i])
end
if ARGV[4] == '' then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[4], ARGV[2])
else
  redis.call('ZADD', KEYS[4], ARGV[4], ARGV[2])
end
return 1
