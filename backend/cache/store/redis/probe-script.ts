// The Lua script that tries a server: all that requests and sweeps ask of it, on keys of nobody's, of which it leaves none.

/** KEYS: entry, index, generations, fence, lease. */
export const PROBE = `
redis.call('TIME')
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('SET', KEYS[4], '', 'PX', 1000, 'GET')
redis.call('SET', KEYS[5], '', 'PX', 1000, 'NX')
redis.call('GET', KEYS[4])
redis.call('ZADD', KEYS[2], 1, KEYS[1])
redis.call('ZADD', KEYS[3], 1, KEYS[1])
redis.call('PEXPIRE', KEYS[2], 1000)
redis.call('PEXPIRE', KEYS[3], 1000)
redis.call('PTTL', KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', 0)
redis.call('ZSCORE', KEYS[2], KEYS[1])
redis.call('ZCARD', KEYS[2])
redis.call('ZREM', KEYS[3], KEYS[1])
redis.call('ZPOPMIN', KEYS[2], 1)
redis.call('UNLINK', unpack(KEYS))
return 1
`;
