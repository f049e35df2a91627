// The Lua script that stores an entry: compare-and-set on its fences, the bounds of its module and tenant, and the books about both.
// Tests: test/contract/redis-store.test.ts, test/integration/tenant-ledger.test.ts
import { KEEP_BOOKS, LEDGER, LISTINGS, NOW, REGISTER } from "./lua-parts.js";

// An index that nothing was counted for is counted now. Where the ledger is not there, all that the
// generations name are; if the tenant's fence is older than a minute it was lost, perhaps with indexes. The new entry is
// counted by itself.
const ADD_UP = `${LEDGER}${KEEP_BOOKS}
    local names = { name }
    if total == more and redis.call('PTTL', ledger) == -1 then
      names = redis.call('ZRANGE', generations, 0, -1)
      if not redis.call('ZSCORE', generations, name) then names[#names + 1] = name end
      keep(ledger, ttl)
      if now - (string.match(tenantToken, '%.(%d+)$') or now) > 60000 then recount = 1 end
    end
    if not before then unlist() end
    for _, each in ipairs(names) do total = total + addUp(each) end
`;

// Makes room for an entry that is not listed now: what dead generations list, then of all that live ones list
// the entry that expires soonest; and while at it, as many more as take a 64th of the quota, so that not each
// of the next entries has to look for room. A thousand entries at most: others wait for the server meanwhile.
// Names behind "~" have no index to take from. Needs what LEDGER needs, `index` (where `surplus` is above 0),
// `tenantFence`, `tenantToken`, `total`, `quota`, `now`.
export const MAKE_ROOM: string = `
  local steps, counted = 1000, total
  local function uncount(of, bytes)
    if bytes ~= 0 then redis.call('ZINCRBY', ledger, -bytes, of) end
    total = total - bytes
  end
  if surplus > 0 then
    local popped = redis.call('ZPOPMIN', index, math.min(surplus, steps))
    for i = 1, #popped, 2 do redis.call('UNLINK', popped[i]) end
    uncount(name, bytesOfAll(popped))
    steps = steps - #popped / 2
  end
  local generationsOf, modules, fenceKeys, fences = {}, {}, {}, {}
  if total > quota then
    for _, each in ipairs(redis.call('ZRANGE', ledger, 0, -1)) do
      local lost, module, generation = string.match(each, '^(~?)([^:]+):(.*)$')
      if module then
        if not modules[module] then
          fenceKeys[#fenceKeys + 1] = tenantFence .. ':' .. module
          modules[module] = #fenceKeys
        end
        generationsOf[#generationsOf + 1] = { name = each, module = module, generation = generation, lost = lost == '~' }
      end
    end
    if #fenceKeys > 0 then fences = redis.call('MGET', unpack(fenceKeys)) end
  end
  local heads = {}
  for _, each in ipairs(generationsOf) do
    local live = tenantToken .. '_' .. (fences[modules[each.module]] or '')
    if each.generation ~= live then
      local isEmpty = each.lost
      while total > quota and steps > 0 and not isEmpty do
        local most = math.min(steps, 100)
        local popped = redis.call('ZPOPMIN', indexes .. each.name, most)
        for i = 1, #popped, 2 do
          if not redis.call('ZSCORE', indexes .. each.module .. ':' .. live, popped[i]) then redis.call('UNLINK', popped[i]) end
        end
        uncount(each.name, bytesOfAll(popped))
        steps = steps - most
        isEmpty = #popped < 2 * most
      end
      if isEmpty then
        uncount(each.name, tonumber(redis.call('ZSCORE', ledger, each.name)))
        redis.call('ZREM', ledger, each.name)
        redis.call('ZREM', generations, each.name)
      end
    elseif not each.lost then
      heads[#heads + 1] = each
    end
  end
  local spare = quota - quota / 64
  while steps > 0 do
    local soonest
    for _, head in ipairs(heads) do
      if head.score == nil then
        local first = redis.call('ZRANGE', indexes .. head.name, 0, 0, 'WITHSCORES')
        head.entry, head.score = first[1], first[1] and tonumber(first[2]) or false
      end
      if head.score and not (soonest and soonest.score <= head.score) then soonest = head end
    end
    local bytes = soonest and bytesOf(soonest.score)
    if not soonest or (total <= quota and total - bytes < spare) then break end
    redis.call('ZREM', indexes .. soonest.name, soonest.entry)
    if redis.call('UNLINK', soonest.entry) == 1 and soonest.score >= now then evicted = evicted + 1 end
    soonest.freed = (soonest.freed or 0) + bytes
    total = total - bytes
    soonest.score = nil
    steps = steps - 1
  end
  for _, head in ipairs(heads) do
    if head.freed then redis.call('ZINCRBY', ledger, -head.freed, head.name) end
  end
  redis.call('ZINCRBY', ledger, total - counted, '')
`;

// KEYS: entry, index, generations, ledger, fences…, lease or nothing, where the value is parked or nothing. ARGV: number of fences, TTL, most
// entries, fence TTL, holder, the generation's name among the tenant's generations, the SHA-1 of the only
// value that may be overwritten ('none' for none, '' for any), most bytes of the tenant ('' for any), what
// the names of the tenant's indexes begin with, bytes of the value, fences…, and the value, unless it is parked. Returns 0 where a mutation
// or another value has overtaken it, 1 where it is stored, 2 where it is larger than the quota (the lease is
// still held), 3 where there is no room; then how many live entries have made room, 1 where a walk should
// count anew, and what the tenant's entries count now, -1 where that has not changed.
export const COMMIT_FILL: string = `${NOW}${LISTINGS}
local entry, index, generations, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, indexes = ARGV[6], ARGV[9]
local count, ttl, quota = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[8]) or math.huge
local evicted, recount = 0, 0
local tenantFence, tenantToken, value = KEYS[5], ARGV[11], ARGV[count + 11]
local parked, last = nil, #KEYS
if not value then parked, last = KEYS[last], last - 1 end
local function refuse(code)
  if parked then redis.call('UNLINK', parked) end
  return { code, 0, 0, -1 }
end
local score = listing(now + ttl, entry, tonumber(ARGV[10]))
local cost = bytesOf(score)
if cost > quota then return refuse(2) end
local found = redis.call('MGET', unpack(KEYS, 5, last))
local lease = found[count + 1]
if lease and string.find(lease, ARGV[5] .. ',', 1, true) == 1 then redis.call('UNLINK', KEYS[last]) end
for i = 1, count do
  if found[i] ~= ARGV[i + 10] then return refuse(0) end
end
if ARGV[7] ~= '' then
  local held = redis.call('GET', entry)
  if (held and redis.sha1hex(held) or 'none') ~= ARGV[7] then return refuse(0) end
end
-- The server may have refused the value, or evicted it.
local moved = parked and redis.pcall('RENAME', parked, entry)
if moved and moved.err then
  if string.find(moved.err, 'no such key', 1, true) then return { 3, 0, 0, -1 } end
  return moved
end
-- Most entries are new: listed at once, they need not be looked for first.
local before = redis.call('ZADD', index, 'NX', score, entry) == 0 and redis.call('ZSCORE', index, entry)
local more = cost - (before and bytesOf(before) or 0)
local card = redis.call('ZCARD', index)
local listed = before and card or card - 1
local surplus = card - tonumber(ARGV[3])
local total, isListed = -1, not before
local function unlist()
  redis.call('ZREM', index, entry)
  isListed = false
end
if more ~= 0 or surplus > 0 then
  total = tonumber(redis.call('ZINCRBY', ledger, more, ''))
  if listed == 0 then
${LEDGER}${REGISTER}
    total = total - settle(name, ttl)
  end
  local own = tonumber(redis.call('ZINCRBY', ledger, more, name))
  if own == more and (listed > 0 or total == more) then
${ADD_UP}
  end
end
if surplus > 0 or total > quota then
  unlist()
  -- A dead generation may list the same entry, which makes room.
  if parked then redis.call('RENAME', entry, parked) end
${MAKE_ROOM}
  if total > quota then
    if before then redis.call('UNLINK', entry) end
    redis.call('ZINCRBY', ledger, -cost, name)
    redis.call('ZINCRBY', ledger, -cost, '')
    refuse(3)
    return { 3, evicted, recount, total - cost }
  end
  if parked then redis.call('RENAME', parked, entry) end
end
local ends = string.format('%d', now + ttl)
if parked then redis.call('PEXPIREAT', entry, ends)
else redis.call('SET', entry, value, 'PXAT', ends) end
if not isListed then redis.call('ZADD', index, score, entry) end
-- The first two fences name the index: they are made to outlive it when it is registered, and until then all it lists.
local first = 3
if redis.call('PTTL', index) < ttl then
${LEDGER}${REGISTER}
  register(name, ttl)
  first = 1
end
-- With something to spare: else every store would find its fences a moment short of that.
for i = first, count do
  local fence, life = KEYS[i + 4], tonumber(ARGV[4])
  if first == 1 then life = math.max(life, 2 * ttl) end
  if redis.call('PTTL', fence) < life then redis.call('PEXPIRE', fence, life + math.floor(life / 64)) end
end
return { 1, evicted, recount, total }
`;
