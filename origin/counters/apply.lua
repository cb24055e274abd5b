-- KEYS: gathered, marks, then one key per increment that is de-duplicated.
-- ARGV: seconds to remember event ids, then per increment: place, offset, field, by, 1 if de-duplicated else 0.
-- A place is group, topic and partition; its mark is the last offset applied. Returns how many increments counted.
local gathered, marks, ttl = KEYS[1], KEYS[2], ARGV[1]
local before, after = {}, {}
local counted, seen = 0, 2
for i = 2, #ARGV, 5 do
    local place, offset = ARGV[i], tonumber(ARGV[i + 1])
    if before[place] == nil then
        before[place] = tonumber(redis.call('HGET', marks, place) or '-1')
    end
    local fresh = offset > before[place]
    if ARGV[i + 4] == '1' then
        seen = seen + 1
        fresh = fresh and redis.call('SET', KEYS[seen], '', 'NX', 'EX', ttl) ~= false
    end
    if fresh then
        redis.call('HINCRBY', gathered, ARGV[i + 2], ARGV[i + 3])
        counted = counted + 1
    end
    after[place] = math.max(after[place] or before[place], offset)
end
for place, offset in pairs(after) do
    redis.call('HSET', marks, place, string.format('%d', offset))
end
return counted
