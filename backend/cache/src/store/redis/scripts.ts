// The Lua scripts: every step that must be atomic on the server. All keys of a call share one tenant, so one Cluster slot.
// Tests: test/contract/redis-store.test.ts
import { CAUSE_SCRIPTS, keepCause } from "./cause-scripts.js";
import { COMMIT_FILL } from "./commit-script.js";
import { FEED_SCRIPTS } from "./feed-scripts.js";
import { LEDGER_SCRIPTS } from "./ledger-scripts.js";
import { LISTING_SCRIPTS } from "./listing-script.js";
import { CLOCK, DROP_LEASE } from "./lua-parts.js";
import { NOTE_SCRIPTS } from "./note-script.js";
import { POOL_SCRIPTS } from "./pool-scripts.js";
import { PROBE_SCRIPTS } from "./probe-script.js";
import { fenceCount, READ_LEASE_SCRIPTS, tellReaders } from "./read-lease-scripts.js";
import { SWEEP_SCRIPTS } from "./sweep-scripts.js";

const WRITERS = `
local function writersOf(value, except)
  local alive, last = {}, 0
  for writer, deadline in string.gmatch(value or '', '|([^:|]+):(%d+)') do
    deadline = tonumber(deadline)
    if writer ~= except and deadline > now then
      alive[#alive + 1] = '|' .. writer .. ':' .. string.format('%d', deadline)
      if deadline > last then last = deadline end
    end
  end
  return table.concat(alive), last
end
local function put(key, value, writers, last, ttl)
  if writers == '' then redis.call('SET', key, value, 'PX', ttl)
  else redis.call('SET', key, '!' .. value .. writers, 'PX', string.format('%d', math.max(1, last - now))) end
end
`;

/**
 * KEYS: entry, fences…, lease or nothing. ARGV: number of fences, random, fence TTL, holder, lease TTL, and
 * '1' where no lease is to be taken if the entry carries these fences: they stand in the clear near the front
 * of one that is not encrypted. A lease of the same holder is one whose answer was lost. Returns lease state,
 * now, fences…, entry or false
 */
const BEGIN_FILL = `${CLOCK}
local count = tonumber(ARGV[1])
local found = redis.call('MGET', unpack(KEYS))
local fences = {}
for i = 1, count do
  local value = found[i + 1]
  if not value then
    value = '+' .. fence(ARGV[2], i)
    redis.call('SET', KEYS[i + 1], value, 'PX', ARGV[3])
  end
  fences[i] = value
end
local lease = 'none'
local entry = found[1]
local generation = table.concat(fences, ',')
local stored = ARGV[6] == '1' and entry and string.find(string.sub(entry, 1, 16384), generation, 1, true)
if #KEYS > count + 1 and not stored then
  local key, held = KEYS[#KEYS], found[#KEYS]
  if held == '' then lease = 'skipped'
  elseif held and string.find(held, generation, 1, true) and string.sub(held, 1, #ARGV[4]) ~= ARGV[4] then lease = 'waiting'
  else
    redis.call('SET', key, ARGV[4] .. ',' .. generation, 'PX', ARGV[5])
    lease = 'leading'
  end
end
local reply = { lease, string.format('%d', now), unpack(fences) }
reply[count + 3] = entry
return reply
`;

/** KEYS: lease. ARGV: holder, skip ms. */
const ABANDON_FILL = `${DROP_LEASE}
dropLease(KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[1], '', 'PX', ARGV[2], 'NX') end
return 1
`;

/**
 * KEYS: fences…, registry of readers or nothing, log of causes or nothing. ARGV: random, fence TTL, who writes or '', server, cause or
 * nothing. Returns what {@link keepCause} does. Writers under way stay marked. A mutation's response waits for this
 * one, so what only a guarded fence needs is done only where one is met.
 */
const REPLACE_FENCES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('.%d', now)
for i = 1, ${fenceCount(3)} do
  local value = ARGV[1] .. i .. stamp
  local held = redis.call('SET', KEYS[i], value, 'PX', ARGV[2], 'GET')
  if held and string.byte(held) == 33 then
    ${WRITERS}
    local writers, last = writersOf(held, '')
    put(KEYS[i], value, writers, last, ARGV[2])
  end
end
${tellReaders(3)}${keepCause(5)}
`;

/** Keys as above. ARGV: random, what is written behind them, most characters, fence TTL, who writes or '', server, cause or nothing. */
const AMEND_FENCES = `${CLOCK}${WRITERS}
for i = 1, ${fenceCount(5)} do
  local key = KEYS[i]
  local held = redis.call('GET', key)
  if held and string.byte(held) ~= 33 and #held + #ARGV[2] <= tonumber(ARGV[3]) then
    redis.call('SET', key, held .. ARGV[2], 'KEEPTTL')
  elseif held then
    local writers, last = writersOf(held, '')
    put(key, fence(ARGV[1], i), writers, last, ARGV[4])
  end
end
${tellReaders(5)}${keepCause(7)}
`;

/** Keys as above. ARGV: random, writer, deadline in ms from now, who writes or '', server. */
const BEGIN_WRITE = `${CLOCK}${WRITERS}
local deadline = now + tonumber(ARGV[3])
for i = 1, ${fenceCount(4)} do
  local key = KEYS[i]
  local writers, last = writersOf(redis.call('GET', key), ARGV[2])
  put(key, fence(ARGV[1], i), writers .. '|' .. ARGV[2] .. ':' .. string.format('%d', deadline), math.max(last, deadline), 0)
end
${tellReaders(4)}${keepCause(6)}
`;

/**
 * Keys as above. ARGV: random, writer, fence TTL, who writes or '', server, cause or nothing. A mark that has expired is not missed: the fence is
 * replaced all the same.
 */
const END_WRITE = `${CLOCK}${WRITERS}
for i = 1, ${fenceCount(4)} do
  local key = KEYS[i]
  local writers, last = writersOf(redis.call('GET', key), ARGV[2])
  put(key, fence(ARGV[1], i), writers, last, ARGV[3])
end
${tellReaders(4)}${keepCause(6)}
`;

export const SCRIPTS = {
  beginFill: BEGIN_FILL,
  commitFill: COMMIT_FILL,
  abandonFill: ABANDON_FILL,
  replaceFences: REPLACE_FENCES,
  amendFences: AMEND_FENCES,
  beginWrite: BEGIN_WRITE,
  endWrite: END_WRITE,
  ...PROBE_SCRIPTS,
  ...CAUSE_SCRIPTS,
  ...FEED_SCRIPTS,
  ...READ_LEASE_SCRIPTS,
  ...LEDGER_SCRIPTS,
  ...LISTING_SCRIPTS,
  ...SWEEP_SCRIPTS,
  ...POOL_SCRIPTS,
  ...NOTE_SCRIPTS,
};
