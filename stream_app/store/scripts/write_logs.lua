-- Put the new logs of some entities of one view in place of those they were made of: all, or none.
-- KEYS: entities, position of the partition or entities again, logs, ...
-- ARGV: epoch, owner ('' for nobody in particular), TTL seconds, most entities, then for each log: the partition and
-- offset it was made of ('' for none), log with its head, time of its newest event, entity.
-- Answers {0, 0} when all are there, {i, 0} where the i-th is not the one it was made of, or a refusal.
if ARGV[2] ~= '' then
  local refused = refusal(KEYS[2], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
end
-- A key of another type is noticed here and below, before anything is written.
local entities = redis.call('ZCARD', KEYS[1])
local due = {}
for i = 3, #KEYS do
  local at = 4 * i - 7
  local stored = redis.call('GETRANGE', KEYS[i], 8, 19)
  if stored ~= string.sub(ARGV[at + 1], 9, 20) then
    local absent = stored == '' and redis.call('EXISTS', KEYS[i]) == 0
    if not absent and stored ~= ARGV[at] then
      return {i - 2, 0}
    end
    due[#due + 1] = i
  end
end
if #due > 0 then
  local newest = {}
  for n, i in ipairs(due) do
    newest[2 * n - 1] = ARGV[4 * i - 5]
    newest[2 * n] = ARGV[4 * i - 4]
  end
  redis.call('ZADD', KEYS[1], unpack(newest))
  if entities + #due > tonumber(ARGV[4]) then
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
  end
end
-- By this a change counts as written, so it comes after all that a refusal could leave out.
for _, i in ipairs(due) do
  redis.call('SET', KEYS[i], ARGV[4 * i - 6], 'EX', ARGV[3])
end
return {0, 0}
