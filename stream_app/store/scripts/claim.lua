-- Take a partition over: the new epoch shuts out every earlier writer.
-- KEYS: position. Answers {epoch, next offset or false}.
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return {epoch, redis.call('HGET', KEYS[1], 'next')}
