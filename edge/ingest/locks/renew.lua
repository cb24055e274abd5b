-- KEYS: lock. ARGV: token, strays of its lease, 1 if a part was stored, ms of a lease, ms to be kept.
-- Returns 1 if another waits, 0 if none does, -1 if the lock is lost. See lease.py, which says the same.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'token', 'ends', 'strays', 'wanted')
local mine, token, ends = tonumber(ARGV[1]), tonumber(held[1] or '0'), tonumber(held[2] or '0')
if token > mine or (token == mine and ends == 0) then
    return -1
end
local strays = ARGV[2]
if ARGV[3] == '1' then
    strays = '0'
elseif token == mine then
    strays = held[3]
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'ends', string.format('%.0f', now + ARGV[4]), 'strays', strays)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return held[4] and 1 or 0
