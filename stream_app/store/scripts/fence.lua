-- Why a write of a partition's owner must be refused, or nothing. Put before the scripts that write for an owner.
-- Answers {-1, epoch} for another owner, {-3, epoch} where the store went back to before the claim.
local function refusal(position, epoch, owner)
  local found = redis.call('HMGET', position, 'epoch', 'owner')
  if found[1] == epoch and found[2] == owner then
    return nil
  end
  local stored = tonumber(found[1] or 0)
  return {stored < tonumber(epoch) and -3 or -1, stored}
end
