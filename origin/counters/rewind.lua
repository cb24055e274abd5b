-- KEYS: gathered, marks, floors, batch, id of the batch, marks of the batch, id of the one ended last. ARGV: the id of
-- the batch that was written last, then place and mark of each partition at its moment.
-- A mark beyond that goes back to it, a mark before it stays, so that what lies between is read again.
local gathered, marks, floors, batch, id, batch_marks, ended = unpack(KEYS)
if redis.call('GET', id) == ARGV[1] or redis.call('GET', ended) == ARGV[1] then
    return
end
local kept = {}
for i = 2, #ARGV, 2 do
    local mark = redis.call('HGET', marks, ARGV[i])
    kept[ARGV[i]] = mark and tonumber(mark) < tonumber(ARGV[i + 1]) and mark or ARGV[i + 1]
end
redis.call('DEL', gathered, marks, floors, batch, id, batch_marks)
redis.call('SET', ended, ARGV[1])
for i = 2, #ARGV, 2 do
    redis.call('HSET', floors, ARGV[i], ARGV[i + 1])
    redis.call('HSET', marks, ARGV[i], kept[ARGV[i]])
end
