-- KEYS: one per event id. ARGV: seconds to remember them, then the offset of each.
-- Returns for each 1 if it was remembered at another offset, else 0.
local told = {}
for i = 1, #KEYS do
    local fresh = redis.call('SET', KEYS[i], ARGV[i + 1], 'NX', 'EX', ARGV[1]) ~= false
        or redis.call('GET', KEYS[i]) == ARGV[i + 1]
    told[i] = fresh and 0 or 1
end
return told
