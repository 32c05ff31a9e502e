-- Go on in a topic that was made anew: the position begins again, and what was seen was seen before all that comes.
-- KEYS: position, seen. ARGV: epoch, owner, life, first offset.
-- Answers {1, first offset}, or a refusal.
local refused = refusal(KEYS[1], ARGV[1], ARGV[2])
if refused then
  return refused
end
local stored = redis.call('HGETALL', KEYS[2])
local entries = {}
for i = 1, #stored, 2 do
  local offset, rest = string.match(stored[i + 1], '^(-?%d+)(.*)$')
  -- What is damaged stays, and is named by whoever reads it.
  if offset then
    entries[#entries + 1] = {tonumber(offset), stored[i], rest}
  end
end
table.sort(entries, function(a, b)
  return a[1] < b[1] or a[1] == b[1] and a[2] < b[2]
end)
-- A full store refuses a script at its first write, if that one needs memory.
redis.call('HSET', KEYS[1], 'life', ARGV[3], 'next', ARGV[4])
for i, entry in ipairs(entries) do
  redis.call('HSET', KEYS[2], entry[2], string.format('%d', i - #entries - 1) .. entry[3])
end
return {1, tonumber(ARGV[4])}
