// The Lua scripts that try a server: all that requests and sweeps ask of it, on keys of nobody's, of which it leaves none.
// Tests: test/integration/least-user.test.ts, test/faults/refusals.test.ts

/** What is refused is named: the server does not say which command of a script it was. */
const TRY = `
local function try(name, ...)
  local reply = redis.pcall(name, ...)
  if type(reply) == 'table' and reply.err then return reply.err .. ' (the ' .. name .. ' of a script)' end
end
`;

/** KEYS: entry, index, generations, ledger, fence, lease. */
const PROBE = `${TRY}
local entry, index, generations, ledger, fence, lease = unpack(KEYS)
local refused = try('time')
  or try('set', entry, '', 'PXAT', string.format('%d', redis.call('TIME')[1] * 1000 + 1000))
  or try('set', fence, '', 'PX', 1000, 'GET')
  or try('set', lease, '', 'PX', 1000, 'NX')
  or try('get', fence)
  or try('mget', fence)
  or try('exists', entry)
  or try('unlink', index, generations, ledger)
  or try('zadd', index, 1, entry)
  or try('zadd', generations, 1, entry)
  or try('zincrby', ledger, 1, entry)
  or try('pexpire', index, 1000)
  or try('pexpire', generations, 1000)
  or try('pexpire', ledger, 1000)
  or try('pttl', index)
  or try('zremrangebyscore', index, '-inf', 0)
  or try('zscore', index, entry)
  or try('zcard', index)
  or try('zrange', index, 0, 0)
  or try('zrangebyscore', index, 0, 0)
  or try('zremrangebyrank', index, 1, 1)
  or try('zrem', generations, entry)
  or try('zpopmin', index, 1)
  or try('pexpireat', ledger, 1)
  or try('unlink', unpack(KEYS))
return refused and redis.error_reply(refused) or 1
`;

/** KEYS: entry, where values are parked. Returns why none may be parked, or 1. The first step needs room, and says so. */
const PROBE_PARKING = `${TRY}
local entry, parked = unpack(KEYS)
local refused = try('set', parked, '-', 'PX', 1000)
  or try('strlen', parked)
  or try('rename', parked, entry)
  or try('unlink', parked, entry)
return refused or 1
`;

export const PROBE_SCRIPTS = { probe: PROBE, probeParking: PROBE_PARKING };
