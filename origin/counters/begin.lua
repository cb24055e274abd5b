-- KEYS: gathered, marks, batch, id of the batch, marks of the batch, id of the one ended last, flushes. ARGV: an id for a
-- new batch. Returns the id, the fields and the marks of the batch under way, or of a new one, and the id of the one ended
-- last; of an empty one, whose id is not kept, when nothing gathered. Always writes: the caller waits for replicas to have
-- that write and all before it.
local gathered, marks, batch, id, batch_marks, ended, flushes = unpack(KEYS)
redis.call('SET', flushes, ARGV[1])
local after = redis.call('GET', ended) or ''
if redis.call('EXISTS', id) == 0 then
    if redis.call('EXISTS', gathered) == 0 then
        return {ARGV[1], {}, redis.call('HGETALL', marks), after}
    end
    redis.call('RENAME', gathered, batch)
    redis.call('COPY', marks, batch_marks, 'REPLACE')
    redis.call('SET', id, ARGV[1])
end
return {redis.call('GET', id), redis.call('HGETALL', batch), redis.call('HGETALL', batch_marks), after}
