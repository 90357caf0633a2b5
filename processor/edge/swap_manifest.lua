-- S22: the fenced swap. A manifest becomes the current one only if the epoch is the writer's, the current manifest is
-- the one that the writer built on, and every segment that it lists is there with its length.
-- KEYS: epoch, manifest:0, manifest:1, segments …
-- ARGV: epoch, predecessor's id ('0': none), own id, manifest, length of each segment …
local stored = tonumber(redis.call('GET', KEYS[1]) or '0')
local mine = tonumber(ARGV[1])
if stored > mine then
	return 'FENCED'
end
if stored < mine then
	-- A failover lost the epoch that was given to this writer; nobody newer is known.
	redis.call('SET', KEYS[1], ARGV[1])
end
local current = redis.call('GET', KEYS[2])
local id = '0'
if current then
	id = string.match(current, '^(%d+)\n') or '?'
end
if id ~= ARGV[2] then
	return 'REBASE'
end
for i = 4, #KEYS do
	if redis.call('STRLEN', KEYS[i]) ~= tonumber(ARGV[i + 1]) then
		return 'REBASE'
	end
end
if current then
	redis.call('SET', KEYS[3], current)
end
redis.call('SET', KEYS[2], ARGV[3] .. '\n' .. ARGV[4])
return 'OK'
