-- Put a slice of a large checkpoint aside until the last one comes.
-- KEYS: position, staged. ARGV: epoch, owner, number of the slice, then source, when it was seen, blob, ...
-- Answers {1, number}, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
-- What an attempt before left behind.
if ARGV[3] == '0' then
  redis.call('UNLINK', KEYS[2])
end
for from = 4, #ARGV, 1500 do
  local states = {}
  for i = from, math.min(from + 1499, #ARGV), 3 do
    states[#states + 1] = 'b' .. ARGV[i]
    states[#states + 1] = ARGV[i + 2]
    states[#states + 1] = 's' .. ARGV[i]
    states[#states + 1] = ARGV[i + 1]
  end
  redis.call('HSET', KEYS[2], unpack(states))
end
return {1, tonumber(ARGV[3])}
