-- Store state and position of one partition together, or nothing.
-- KEYS: position, state, seen, staged.
-- ARGV: epoch, owner, life of the topic, base offset ('' for none), next offset, number of staged slices, number of
-- sources that are gone, time of the log, those sources, then source, when it was seen, blob, source, when, blob, ...
-- Answers {1, next} done, {0, next} was done before, {-2, offset} not where it began, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
local stored = redis.call('HGET', KEYS[1], 'next') or ''
if stored ~= ARGV[4] then
  -- A reply was lost and the call came again: its own result is here already.
  if stored == ARGV[5] then
    return {0, tonumber(stored)}
  end
  return {-2, tonumber(stored) or -1}
end
-- A key of another type is noticed before anything is written.
redis.call('HLEN', KEYS[2])
redis.call('HLEN', KEYS[3])
-- A full store refuses a script at its first write, if that one needs memory.
redis.call('HSET', KEYS[1], 'next', ARGV[5], 'life', ARGV[3], 'clock', ARGV[8])
local first = 9 + tonumber(ARGV[7])
-- unpack() is bounded by Lua's stack, so all goes in slices.
for from = 9, first - 1, 1000 do
  local to = math.min(from + 999, first - 1)
  redis.call('HDEL', KEYS[2], unpack(ARGV, from, to))
  redis.call('HDEL', KEYS[3], unpack(ARGV, from, to))
end
if ARGV[6] ~= '0' then
  for _, field in ipairs(redis.call('HKEYS', KEYS[4])) do
    local into = string.sub(field, 1, 1) == 'b' and KEYS[2] or KEYS[3]
    redis.call('HSET', into, string.sub(field, 2), redis.call('HGET', KEYS[4], field))
  end
  redis.call('UNLINK', KEYS[4])
end
for from = first, #ARGV, 1500 do
  local states, seen = {}, {}
  for i = from, math.min(from + 1499, #ARGV), 3 do
    states[#states + 1] = ARGV[i]
    states[#states + 1] = ARGV[i + 2]
    seen[#seen + 1] = ARGV[i]
    seen[#seen + 1] = ARGV[i + 1]
  end
  redis.call('HSET', KEYS[2], unpack(states))
  redis.call('HSET', KEYS[3], unpack(seen))
end
return {1, tonumber(ARGV[5])}
