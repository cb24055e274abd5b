-- KEYS: gathered, batch. ARGV: fields. Returns per field what both hold together.
local gathered, batch = redis.call('HMGET', KEYS[1], unpack(ARGV)), redis.call('HMGET', KEYS[2], unpack(ARGV))
local sums = {}
for i = 1, #ARGV do
    sums[i] = (tonumber(gathered[i] or '0')) + (tonumber(batch[i] or '0'))
end
return sums
