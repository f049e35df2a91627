// The Lua scripts of the pool: what tenants hold beyond their reservations, and making room in what one of them holds.
// Tests: test/integration/tenant-sharing.test.ts
import { MAKE_ROOM } from "./commit-script.js";
import { LEDGER, LISTINGS, NOW, TIDY } from "./lua-parts.js";

/**
 * KEYS: the pool. ARGV: a tenant, what it holds beyond its reservation, most bytes of the pool. The pool is a
 * sorted set of tenants by these bytes, with the sum under the empty name. Where it is too full, returns the
 * tenant that holds most of it, how much that is, and the sum.
 */
const NOTE_POOLED = `
local pool, tenant, pooled = KEYS[1], ARGV[1], tonumber(ARGV[2])
local before = tonumber(redis.call('ZSCORE', pool, tenant) or 0)
if pooled > 0 then redis.call('ZADD', pool, pooled, tenant)
elseif before > 0 then redis.call('ZREM', pool, tenant) end
local sum = tonumber(redis.call('ZINCRBY', pool, pooled - before, ''))
if redis.call('PTTL', pool) < ${15 * 86_400_000} then redis.call('PEXPIRE', pool, ${31 * 86_400_000}) end
if sum <= tonumber(ARGV[3]) then return {} end
local most = redis.call('ZRANGE', pool, -2, -1, 'WITHSCORES')
local at = most[3] == '' and 1 or 3
if most[at] == nil or most[at] == '' then return {} end
return { most[at], most[at + 1], string.format('%d', sum) }
`;

/**
 * KEYS: a tenant's fence, generations, ledger. ARGV: what the names of its indexes begin with, and the bytes
 * that it may keep. Makes room as a store does, a thousand entries at most. Returns what its entries count
 * now, and how many live ones have made room.
 */
const TRIM_TENANT = `${NOW}${LISTINGS}
local tenantFence, generations, ledger = KEYS[1], KEYS[2], KEYS[3]
local indexes, quota = ARGV[1], tonumber(ARGV[2])
local tenantToken = redis.call('GET', tenantFence) or ''
local evicted, recount, surplus, index, name = 0, 0, 0, '', ''
${LEDGER}${TIDY}
for _, each in ipairs(redis.call('ZRANGE', ledger, 0, -1)) do
  if each ~= '' and string.byte(each) ~= 126 then prune(each) end
end
local total = tonumber(redis.call('ZSCORE', ledger, '') or 0)
if total > quota then
${MAKE_ROOM}
end
return { total, evicted }
`;

export const POOL_SCRIPTS = { notePooled: NOTE_POOLED, trimTenant: TRIM_TENANT };
