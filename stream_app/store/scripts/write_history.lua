-- Put buckets into the history of a source, each at its own place: writing one again changes nothing.
-- KEYS: history, and for an owner of a partition: position.
-- ARGV: epoch, owner, number of the owner's call, TTL seconds, head, number of rows, bytes of a row, an absent channel, then
-- place in the rows, bytes, place, bytes, ...
-- Answers {1, 0}, {0, 0} when a later call of the owner has written, or a refusal.
if KEYS[2] then
  local refused = refusal(KEYS[2], ARGV[1], ARGV[2])
  if refused then
    return refused
  end
  -- What its sender gave up may come behind what was sent in its place.
  local last = tonumber(redis.call('HGET', KEYS[2], 'history')) or 0
  if last > tonumber(ARGV[3]) then
    return {0, 0}
  end
  if last < tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[2], 'history', ARGV[3])
  end
end
local head = ARGV[5]
if redis.call('GETRANGE', KEYS[1], 0, #head - 1) ~= head then
  local rows = tonumber(ARGV[6])
  local size = tonumber(ARGV[7])
  local body = string.rep('\0', rows * size)
  -- A source that names a new channel keeps what is known of the others, which are the first ones.
  local old = redis.call('GET', KEYS[1])
  local length = old and #old > 8 and 8 + struct.unpack('<I4', old, 5) or 0
  local narrow = old and (#old - length) / rows or 0
  local known = old and string.sub(old, 9, length - 1) .. ','
  if known and string.sub(head, 9, 8 + #known) == known and narrow > 8 and narrow < size and narrow % 8 == 0 then
    local absent = string.rep(ARGV[8], (size - narrow) / 8)
    local wide = {}
    for i = 0, rows - 1 do
      wide[i + 1] = string.sub(old, length + i * narrow + 1, length + (i + 1) * narrow) .. absent
    end
    body = table.concat(wide)
  end
  redis.call('SET', KEYS[1], head .. body)
end
for i = 9, #ARGV, 2 do
  redis.call('SETRANGE', KEYS[1], #head + tonumber(ARGV[i]), ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, 0}
