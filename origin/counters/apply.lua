-- KEYS: gathered, marks, then one key per increment that is de-duplicated.
-- ARGV: seconds to remember event ids, the number of runs, then per run: place, after (or ''), through; then per
-- increment: place, offset, field, by, 1 if de-duplicated else 0.
-- A place is group, topic and partition; its mark is the last offset applied. Returns how many increments counted, or
-- -1, with nothing changed, when the mark of a run lies before its `after`.
local gathered, marks, ttl, runs = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local before, moved = {}, {}
local first = 3 + 3 * runs
for i = 3, first - 1, 3 do
    local place, through = ARGV[i], tonumber(ARGV[i + 2])
    before[place] = tonumber(redis.call('HGET', marks, place) or '-1')
    if ARGV[i + 1] ~= '' and before[place] < tonumber(ARGV[i + 1]) then
        return -1
    end
    if through > before[place] then
        moved[place] = string.format('%d', through)
    end
end
local counted, seen = 0, 2
for i = first, #ARGV, 5 do
    local fresh = tonumber(ARGV[i + 1]) > before[ARGV[i]]
    if ARGV[i + 4] == '1' then
        seen = seen + 1
        fresh = fresh and redis.call('SET', KEYS[seen], '', 'NX', 'EX', ttl) ~= false
    end
    if fresh then
        redis.call('HINCRBY', gathered, ARGV[i + 2], ARGV[i + 3])
        counted = counted + 1
    end
end
for place, through in pairs(moved) do
    redis.call('HSET', marks, place, through)
end
return counted
