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

/** KEYS: counter. ARGV: by, TTL. As text, because a counter may be larger than a script's numbers. */
const ADD_TO_COUNTER = `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], 0, 'PX', ARGV[2]) end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])
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
