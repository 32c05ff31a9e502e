-- Store state and position of one partition together, or nothing.
-- KEYS: position, state. ARGV: epoch, base offset ('' for none), next offset, then source, blob, source, blob, ...
-- Answers {1, next} done, {0, next} was done before, {-1, epoch} another writer, {-2, offset} not where it began.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch ~= ARGV[1] then
  return {-1, tonumber(epoch or 0)}
end
local stored = redis.call('HGET', KEYS[1], 'next') or ''
if stored ~= ARGV[2] then
  -- A reply was lost and the call came again: its own result is here already.
  if stored == ARGV[3] then
    return {0, tonumber(stored)}
  end
  return {-2, tonumber(stored == '' and -1 or stored)}
end
-- unpack() is bounded by Lua's stack, so the pairs go in slices.
for first = 4, #ARGV, 1000 do
  redis.call('HSET', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('HSET', KEYS[1], 'next', ARGV[3])
return {1, tonumber(ARGV[3])}
