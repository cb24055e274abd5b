-- KEYS: gathered, marks, floors, then one key per increment that is de-duplicated.
-- ARGV: seconds to remember event ids, the number of runs, then per run: place, after, through, 1 if it begins else 0;
-- then per increment: place, offset, field, by, 1 if de-duplicated else 0.
-- A place is group, topic and partition; its mark is the last offset applied; up to its floor nothing counts, but event
-- ids are remembered. Returns how many increments counted; or, with nothing changed, -1 and the mark of each run ('' for
-- none) when the mark of one lies before its `after`.
local gathered, marks, floors, ttl, runs = KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2])
local before, floor, moved, refused, told = {}, {}, {}, false, {-1}
local first = 3 + 4 * runs
for i = 3, first - 1, 4 do
    local place, after, through = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local mark = redis.call('HGET', marks, place)
    before[place] = tonumber(mark or '-1')
    floor[place] = tonumber(redis.call('HGET', floors, place) or '-1')
    if before[place] < after and (mark or ARGV[i + 3] == '0') then
        refused = true
    end
    if through > before[place] then
        moved[place] = string.format('%d', through)
    end
    told[#told + 1] = mark or ''
end
if refused then
    return told
end
local counted, seen = 0, 3
for i = first, #ARGV, 5 do
    local offset = tonumber(ARGV[i + 1])
    local fresh = offset > before[ARGV[i]]
    if ARGV[i + 4] == '1' then
        seen = seen + 1
        fresh = fresh and (redis.call('SET', KEYS[seen], ARGV[i + 1], 'NX', 'EX', ttl) ~= false
            or redis.call('GET', KEYS[seen]) == ARGV[i + 1])
    end
    if fresh and offset > floor[ARGV[i]] then
        redis.call('HINCRBY', gathered, ARGV[i + 2], ARGV[i + 3])
        counted = counted + 1
    end
end
for place, through in pairs(moved) do
    redis.call('HSET', marks, place, through)
end
return {counted}
