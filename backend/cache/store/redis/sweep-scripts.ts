// The Lua scripts of the sweep. An entry is judged and removed in one step: one that is filled meanwhile must not be taken for an old one.

// The generation is read where the entry is judged. Indexes are not among the KEYS where their names hold fences that only
// the script knows; they share the slot of those.
const LIVE = `
local live = (redis.call('GET', KEYS[1]) or '') .. '_' .. (redis.call('GET', KEYS[2]) or '')
`;

/**
 * KEYS: the tenant's fence, the module's fence, the tenant's generations, an index. ARGV: what the names of the module's indexes begin
 * with, the module, the index's generation, most entries. Returns how many it removed, and 1 while the index holds more.
 */
const SWEEP_INDEX = `${LIVE}
if live == ARGV[3] then return { 0, 0 } end
local most = tonumber(ARGV[4])
local popped = redis.call('ZPOPMIN', KEYS[4], most)
local removed = 0
for i = 1, #popped, 2 do
  if not redis.call('ZSCORE', ARGV[1] .. live, popped[i]) then removed = removed + redis.call('UNLINK', popped[i]) end
end
if #popped == 2 * most then return { removed, 1 } end
redis.call('ZREM', KEYS[3], ARGV[2] .. ':' .. ARGV[3])
return { removed, 0 }
`;

/**
 * KEYS: the tenant's fence, the module's fence, entries…. ARGV: what the names of the module's indexes begin with. Returns how many
 * it removed.
 */
const SWEEP_ENTRIES = `${LIVE}
local removed = 0
for i = 3, #KEYS do
  if not redis.call('ZSCORE', ARGV[1] .. live, KEYS[i]) then removed = removed + redis.call('UNLINK', KEYS[i]) end
end
return removed
`;

/** KEYS: lease. ARGV: its value, TTL. Returns 0 where another has it. */
const KEEP_LEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

export const SWEEP_SCRIPTS = {
  sweepIndex: SWEEP_INDEX,
  sweepEntries: SWEEP_ENTRIES,
  keepLease: KEEP_LEASE,
} as const;
