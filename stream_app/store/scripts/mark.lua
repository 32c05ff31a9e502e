-- Note how many pipelines of effects an owner has written; the last command of each.
-- KEYS: position. ARGV: epoch, owner, number of pipelines.
-- Answers {1, number}, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
local number = tonumber(ARGV[3])
-- A call that was given up by its sender may come late: the number never falls under one claim.
if (tonumber(redis.call('HGET', KEYS[1], 'writes')) or 0) < number then
  redis.call('HSET', KEYS[1], 'writes', number)
end
return {1, number}
