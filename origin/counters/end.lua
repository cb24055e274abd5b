-- KEYS: batch, id of the batch, marks of the batch, id of the one ended last. ARGV: the id to end.
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    redis.call('SET', KEYS[4], ARGV[1])
end
