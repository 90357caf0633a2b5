-- S17: a new owner's epoch, above everything ever given and above the wall clock's seconds, so that it rises
-- even when Redis lost its newest writes. S25: the partition count is fixed by the first owner.
-- KEYS: epoch, partitions.  ARGV: partition count of this start.  Answer: {epoch, stored partition count}
local seconds = tonumber(redis.call('TIME')[1])
local stored = tonumber(redis.call('GET', KEYS[1]) or '0')
local epoch = math.max(stored + 1, seconds)
redis.call('SET', KEYS[1], string.format('%.0f', epoch))
local partitions = redis.call('GET', KEYS[2])
if not partitions then
	redis.call('SET', KEYS[2], ARGV[1])
	partitions = ARGV[1]
end
return { string.format('%.0f', epoch), partitions }
