// The Lua scripts of single keys, counters and locks. All keys of a call share one tenant, so one Cluster slot.
// Tests: test/contract/redis-store.test.ts
import { CLOCK } from "./lua-parts.js";

/** KEYS: fences…. ARGV: random, fence TTL. Returns the old and the new token of each, one after the other. */
const TURN_FENCES = `${CLOCK}
local reply = {}
for i, key in ipairs(KEYS) do
  local after = fence(ARGV[1], i)
  reply[2 * i - 1] = redis.call('GET', key)
  reply[2 * i] = after
  redis.call('SET', key, after, 'PX', ARGV[2])
end
return reply
`;

/**
 * KEYS: counter. ARGV: by, TTL. Returns the sum as text, or nothing where the key is no counter, or its sum
 * would be more than a number holds exactly: it then stays as it was.
 */
const ADD_TO_COUNTER = `
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'table' then return false end
if not held then redis.call('SET', KEYS[1], 0, 'PX', ARGV[2]) end
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' then return false end
if math.abs(sum) <= ${Number.MAX_SAFE_INTEGER} then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], held, 'KEEPTTL')
return false
`;

/** KEYS: lock. ARGV: holder, TTL. */
const TAKE_LOCK = `
if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 1 end
return 0
`;

/** KEYS: lock. ARGV: holder, TTL. */
const RENEW_LOCK = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** KEYS: lock. ARGV: holder. */
const RELEASE_LOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
`;

export const KEYED_SCRIPTS = {
  turnFences: TURN_FENCES,
  addToCounter: ADD_TO_COUNTER,
  takeLock: TAKE_LOCK,
  renewLock: RENEW_LOCK,
  releaseLock: RELEASE_LOCK,
} as const;
