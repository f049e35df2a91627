// The Lua scripts that keep a tenant's ledger right beside stores and sweeps: removals by name, and what the stats ask for.
// Tests: test/integration/tenant-ledger.test.ts, test/integration/tenant-ledger-property.test.ts
import { LEDGER, LISTINGS, NOW, TIDY } from "./lua-parts.js";

/**
 * KEYS: the tenant's fence, its ledger, names of one tenant…. ARGV: what the names of its indexes begin with,
 * and for each name the module that it is an entry of, or '': at least one is an entry. Returns how many
 * entries it removed. The removal is the first write: a full server refuses others until something was
 * removed.
 */
const REMOVE_KEYS = `
local ledger, indexes = KEYS[2], ARGV[1]
${LISTINGS}${LEDGER}
local entries, names, freed = {}, {}, {}
for i = 3, #KEYS do
  if ARGV[i - 1] ~= '' then entries[#entries + 1] = KEYS[i] end
end
local removed = redis.call('EXISTS', unpack(entries))
redis.call('UNLINK', unpack(KEYS, 3))
for i = 3, #KEYS do
  local module = ARGV[i - 1]
  if module ~= '' then
    local name = names[module]
    if not name then
      local tenant, own = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[1] .. ':' .. module)
      name = module .. ':' .. (tenant or '') .. '_' .. (own or '')
      names[module] = name
    end
    local listed = redis.call('ZSCORE', indexes .. name, KEYS[i])
    if listed then
      redis.call('ZREM', indexes .. name, KEYS[i])
      freed[name] = (freed[name] or 0) + bytesOf(listed)
    end
  end
end
for name, bytes in pairs(freed) do add(name, -bytes) end
return removed
`;

/**
 * KEYS: a tenant's generations, its ledger. ARGV: what the names of its indexes begin with. Returns what its
 * entries count, without the expired.
 */
const TENANT_BYTES = `${NOW}
local generations, ledger, indexes = KEYS[1], KEYS[2], ARGV[1]
local recount = 0
${LISTINGS}${LEDGER}${TIDY}
for _, name in ipairs(redis.call('ZRANGE', ledger, 0, -1)) do
  if name ~= '' then prune(name) end
end
tidy(86400000)
return redis.call('ZSCORE', ledger, '') or '0'
`;

/**
 * KEYS: sorted sets. ARGV: where they are a tenant's books, what the names of its indexes begin with, its fence, and modules whose live
 * indexes are tried, too. Removes what is of another type, and returns how many keys those were.
 */
const REPAIR_BOOKS = `
local removed = 0
local function try(key)
  if type(redis.pcall('ZCARD', key)) == 'table' then removed = removed + redis.call('UNLINK', key) end
end
for _, key in ipairs(KEYS) do try(key) end
local indexes, fence = ARGV[1], ARGV[2]
if not indexes then return removed end
for _, key in ipairs(KEYS) do
  for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if name ~= '' then try(indexes .. name) end
  end
end
for i = 3, #ARGV do
  local tokens = redis.call('MGET', fence, fence .. ':' .. ARGV[i])
  try(indexes .. ARGV[i] .. ':' .. (tokens[1] or '') .. '_' .. (tokens[2] or ''))
end
return removed
`;

export const LEDGER_SCRIPTS = {
  removeKeys: REMOVE_KEYS,
  tenantBytes: TENANT_BYTES,
  repairBooks: REPAIR_BOOKS,
};
