-- KEYS: lock. ARGV: claimant, 1 if asked for the first time, strays of an unknown lock, ms of a lease, ms to be kept.
-- Returns token and strays; token 0: held by another; -1: superseded. See lease.py, which says the same.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'token', 'ends', 'strays', 'wanted')
local token, ends = tonumber(held[1] or '0'), tonumber(held[2] or '0')
local strays = tonumber(held[3] or ARGV[3])
if ARGV[2] == '1' then
    redis.call('HSET', KEYS[1], 'wanted', ARGV[1], 'strays', strays)
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
elseif held[4] ~= ARGV[1] then
    return {-1, 0}
end
if ends > now then
    return {0, 0}
end
if ends ~= 0 then
    strays = strays + 1
end
token = string.format('%.0f', math.max(now, token + 1))
redis.call('HSET', KEYS[1], 'token', token, 'ends', string.format('%.0f', now + ARGV[4]), 'strays', strays)
redis.call('HDEL', KEYS[1], 'wanted')
return {token, strays}
