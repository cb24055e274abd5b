-- KEYS: gathered, marks, batch, id of the batch, marks of the batch. ARGV: an id for a new batch.
-- Returns the id, the fields and the marks of the batch under way, or of a new one; nothing when nothing gathered.
local gathered, marks, batch, id, batch_marks = unpack(KEYS)
if redis.call('EXISTS', id) == 0 then
    if redis.call('EXISTS', gathered) == 0 then
        return false
    end
    redis.call('RENAME', gathered, batch)
    redis.call('COPY', marks, batch_marks, 'REPLACE')
    redis.call('SET', id, ARGV[1])
end
return {redis.call('GET', id), redis.call('HGETALL', batch), redis.call('HGETALL', batch_marks)}
