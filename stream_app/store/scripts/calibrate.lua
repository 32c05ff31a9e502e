-- Note by what the events of a partition are judged from its position on.
-- KEYS: position, calibrations of the topic. ARGV: epoch, owner, calibration, field of the partition in the second.
-- Answers {1, 0}, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
redis.call('HSET', KEYS[1], 'calibration', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[4], ARGV[3])
return {1, 0}
