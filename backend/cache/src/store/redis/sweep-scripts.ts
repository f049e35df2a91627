// The Lua scripts of the sweep. An entry is judged and removed in one step: one that is filled meanwhile must not be taken for an old one.
// Tests: test/integration/redis-sweep.test.ts, test/contract/redis-store.test.ts
import { LEDGER, LISTINGS, NOW, REGISTER } from "./lua-parts.js";

// The generation is read where the entry is judged. Indexes are not among the KEYS where their names hold
// fences that only the script knows; they share the slot of those.
const LIVE = `
local live = (redis.call('GET', KEYS[1]) or '') .. '_' .. (redis.call('GET', KEYS[2]) or '')
local generations, ledger, indexes = KEYS[3], KEYS[4], ARGV[1]
local name = ARGV[2] .. ':' .. live
`;

/**
 * KEYS: the tenant's fence, the module's fence, the tenant's generations, its ledger. ARGV: what the names of
 * the tenant's indexes begin with, the module, a generation, its name among the tenant's generations, most
 * entries. Returns how many entries it removed, 1 while the generation's index holds more, and 1 where the index
 * was lost: it counted entries that may still be there, and lists none.
 */
const SWEEP_INDEX = `${NOW}${LIVE}${LISTINGS}${LEDGER}
if live == ARGV[3] then return { 0, 0, 0 } end
local most = tonumber(ARGV[5])
local ends = tonumber(redis.call('ZSCORE', generations, ARGV[4]) or 0)
local popped = redis.call('ZPOPMIN', indexes .. ARGV[4], most)
local removed = 0
for i = 1, #popped, 2 do
  if not redis.call('ZSCORE', indexes .. name, popped[i]) then removed = removed + redis.call('UNLINK', popped[i]) end
end
add(ARGV[4], -bytesOfAll(popped))
if #popped == 2 * most then return { removed, 1, 0 } end
local counted = strike(ARGV[4])
redis.call('ZREM', generations, ARGV[4])
return { removed, 0, #popped == 0 and counted > 0 and ends > now and 1 or 0 }
`;

/**
 * KEYS: the tenant's fence, the module's fence, the tenant's generations, its ledger, entries…. ARGV: what
 * the names of the tenant's indexes begin with, the module, and '1' where an entry that no index lists, or
 * lists without its size, is listed anew and not removed. Returns how many it removed. A live index that the
 * books do not know is entered into them.
 */
const SWEEP_ENTRIES = `${NOW}${LIVE}
local recount = 0
${LISTINGS}${LEDGER}${REGISTER}
local life = redis.call('PTTL', indexes .. name)
if life > 0 then
  if not redis.call('ZSCORE', generations, name) then register(name, life) end
  if tonumber(redis.call('ZSCORE', ledger, name) or 0) == 0 then addUp(name) end
end
local adopts = ARGV[3] == '1' and redis.call('EXISTS', KEYS[1], KEYS[2]) == 2
local removed = 0
for i = 5, #KEYS do
  local entry = KEYS[i]
  local listed = redis.call('ZSCORE', indexes .. name, entry)
  if adopts and (not listed or bytesOf(listed) == 0) then
    local ttl = redis.call('PTTL', entry)
    if ttl > 0 then
      if redis.call('EXISTS', indexes .. name) == 0 then settle(name, ttl) end
      local score = listing(now + ttl, entry, redis.call('STRLEN', entry))
      add(name, bytesOf(score))
      redis.call('ZADD', indexes .. name, score, entry)
      if redis.call('PTTL', indexes .. name) < ttl then register(name, ttl) end
    end
  elseif not listed then
    removed = removed + redis.call('UNLINK', entry)
  end
end
return removed
`;

/**
 * KEYS: the tenant's fence, the module's fence, the tenant's generations, its ledger. ARGV: what the names of
 * the tenant's indexes begin with, the module, the rank to begin with, most entries. Strikes what the live
 * index lists and the server does not hold. Returns the rank to go on with, or -1 at the end: what a lost
 * index listed has been walked through by then, and need not be counted any longer. What an index counts that
 * one step has seen whole is then known anew.
 */
const AUDIT_INDEX = `${LIVE}${LISTINGS}${LEDGER}
local from, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local listed = redis.call('ZRANGE', indexes .. name, from, from + most - 1, 'WITHSCORES')
local held, heldBytes, bytes = 0, 0, 0
for i = 1, #listed, 2 do
  if redis.call('EXISTS', listed[i]) == 1 then
    held = held + 1
    heldBytes = heldBytes + bytesOf(listed[i + 1])
  else
    redis.call('ZREM', indexes .. name, listed[i])
    bytes = bytes + bytesOf(listed[i + 1])
  end
end
add(name, -bytes)
if #listed == 2 * most then return from + held end
strike('~' .. name)
redis.call('ZREM', generations, '~' .. name)
if from == 0 then
  strike(name)
  add(name, heldBytes)
end
return -1
`;

/** KEYS: lease. ARGV: its value, TTL. Returns 0 where another has it. */
const KEEP_LEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

export const SWEEP_SCRIPTS = {
  sweepIndex: SWEEP_INDEX,
  sweepEntries: SWEEP_ENTRIES,
  auditIndex: AUDIT_INDEX,
  keepLease: KEEP_LEASE,
};
