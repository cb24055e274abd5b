-- KEYS: batch, id of the batch, marks of the batch. ARGV: the id to end.
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', unpack(KEYS))
end
