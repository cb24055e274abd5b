-- KEYS: lock. ARGV: token.
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then
    redis.call('HSET', KEYS[1], 'ends', '0')
end
