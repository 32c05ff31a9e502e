-- Why a write of a partition's owner must be refused, or nothing. Put before the scripts that write for an owner.
-- The epoch may be followed by a colon and the number of pipelines of effects that must be there: without those that
-- the store has lost, later ones must not be written, or they would be told in the wrong order when all is read again.
-- Answers {-1, epoch} for another owner, {-3, epoch} where the store went back to before the claim, {-4, pipelines}
-- where effects were lost.
local function refusal(position, epoch, owner)
  local colon = string.find(epoch, ':', 1, true)
  local wanted = colon and tonumber(string.sub(epoch, colon + 1)) or 0
  epoch = colon and string.sub(epoch, 1, colon - 1) or epoch
  local found = redis.call('HMGET', position, 'epoch', 'owner', 'writes')
  if found[1] == epoch and found[2] == owner then
    -- What is no number, from whoever wrote it, is none: the write is refused.
    local writes = tonumber(found[3]) or 0
    return writes < wanted and {-4, writes} or nil
  end
  local stored = tonumber(found[1]) or 0
  return {stored < tonumber(epoch) and -3 or -1, stored}
end
