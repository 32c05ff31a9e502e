-- Register a version of a view, unless it is there with another definition.
-- KEYS: names of all views, versions of this view. ARGV: name, version, fingerprint, JSON.
-- Answers the fingerprint that is registered.
local stored = redis.call('HGET', KEYS[2], ARGV[2])
local fingerprint = ARGV[3]
if stored then
  fingerprint = cjson.decode(stored).fingerprint
end
if fingerprint == ARGV[3] then
  redis.call('SADD', KEYS[1], ARGV[1])
  -- What only describes may have changed.
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
end
return fingerprint
