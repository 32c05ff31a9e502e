-- Note what a deployment reads, unless the store has noted something else under its name.
-- KEYS: deployment. ARGV: field, value, field, value, ...
-- Answers nothing where all is as noted or new, or the first field that differs and what is noted there.
for i = 1, #ARGV, 2 do
  local noted = redis.call('HGET', KEYS[1], ARGV[i])
  if noted and noted ~= ARGV[i + 1] then
    return {ARGV[i], noted}
  end
end
if #ARGV > 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
return {}
