-- Take a partition over: the new epoch and owner shut out every earlier writer.
-- KEYS: position. ARGV: owner, generation of the consumer group ('' where unknown).
-- Answers {epoch, next offset or false, life of the topic or false, time of the log or false, calibration or false}.
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'generation', ARGV[2], 'writes', 0, 'history', 0)
return {epoch, unpack(redis.call('HMGET', KEYS[1], 'next', 'life', 'clock', 'calibration'))}
