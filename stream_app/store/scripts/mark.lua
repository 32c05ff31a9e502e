-- Note how many pipelines of effects an owner has written; the last command of each.
-- KEYS: position. ARGV: epoch, owner, number of pipelines.
-- Answers {1, number}, {-4, number that is stored} where effects were lost, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
local stored, number = tonumber(redis.call('HGET', KEYS[1], 'writes') or 0), tonumber(ARGV[3])
-- The one before is missing: the store lost it, and this mark would hide that.
if stored < number - 1 then
  return {-4, stored}
end
-- A call that was given up by its sender may come late: the number never falls under one claim.
if stored < number then
  redis.call('HSET', KEYS[1], 'writes', number)
end
return {1, number}
