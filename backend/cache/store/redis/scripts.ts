// The Lua scripts: every step that must be atomic on the server. All keys of a call share one tenant, so one Cluster slot.
import { PROBE } from "./probe-script.js";
import { SWEEP_SCRIPTS } from "./sweep-scripts.js";

// A fence is "<random>.<ms>", or, while guarded writes are under way, "!<random>.<ms>|<writer>:<deadline ms>|…".
// TIME is allowed before writes because scripts replicate by effect (Redis 5 and later).
export const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function fence(token, i) return token .. i .. '.' .. string.format('%d', now) end
`;

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
 * KEYS: entry, fences…, lease or nothing. ARGV: number of fences, random, fence TTL, holder, lease TTL, and '1' where no lease is to be
 * taken if the entry carries these fences: they stand in the clear near the front of one that is not encrypted.
 * Returns lease state, now, entry or nil, fences…
 */
const BEGIN_FILL = `${CLOCK}
local count = tonumber(ARGV[1])
local fences = {}
for i = 1, count do
  local value = redis.call('GET', KEYS[i + 1])
  if not value then
    value = fence(ARGV[2], i)
    redis.call('SET', KEYS[i + 1], value, 'PX', ARGV[3])
  end
  fences[i] = value
end
local lease = 'none'
local entry = redis.call('GET', KEYS[1])
local generation = table.concat(fences, ',')
local stored = ARGV[6] == '1' and entry and string.find(string.sub(entry, 1, 16384), generation, 1, true)
if #KEYS > count + 1 and not stored then
  local key = KEYS[#KEYS]
  local held = redis.call('GET', key)
  if held == '' then lease = 'skipped'
  elseif held and string.find(held, generation, 1, true) then lease = 'waiting'
  else
    redis.call('SET', key, ARGV[4] .. ',' .. generation, 'PX', ARGV[5])
    lease = 'leading'
  end
end
return { lease, string.format('%d', now), entry, unpack(fences) }
`;

const DROP_LEASE = `
local function dropLease(key, holder)
  local held = redis.call('GET', key)
  if held and string.sub(held, 1, #holder + 1) == holder .. ',' then redis.call('UNLINK', key) end
end
`;

/**
 * KEYS: entry, index, generations, fences…, lease or nothing. ARGV: number of fences, TTL, most entries, fence TTL, holder, the
 * generation's name among the tenant's generations, the SHA-1 of the only value that may be overwritten ('none' for none, '' for any),
 * fences…, and the value in pieces.
 * Returns 0, or 1 and the keys that must make room. The index lives up to twice as long as its entries, so that it is registered and
 * cleared once in a TTL and not with each entry.
 */
const COMMIT_FILL = `${CLOCK}${DROP_LEASE}
local count = tonumber(ARGV[1])
if #KEYS > count + 3 then dropLease(KEYS[#KEYS], ARGV[5]) end
for i = 1, count do
  if redis.call('GET', KEYS[i + 3]) ~= ARGV[i + 7] then return { 0 } end
end
if ARGV[7] ~= '' then
  local held = redis.call('GET', KEYS[1])
  if (held and redis.sha1hex(held) or 'none') ~= ARGV[7] then return { 0 } end
end
local ttl = tonumber(ARGV[2])
redis.call('SET', KEYS[1], table.concat(ARGV, '', count + 8), 'PX', ttl)
local fenceTtl = tonumber(ARGV[4])
for i = 1, count do
  if redis.call('PTTL', KEYS[i + 3]) < fenceTtl then redis.call('PEXPIRE', KEYS[i + 3], fenceTtl) end
end
local index, generations = KEYS[2], KEYS[3]
redis.call('ZADD', index, now + ttl, KEYS[1])
if redis.call('PTTL', index) < ttl then
  redis.call('PEXPIRE', index, 2 * ttl)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', generations, '-inf', now)
  redis.call('ZADD', generations, now + 2 * ttl, ARGV[6])
  if redis.call('PTTL', generations) < 2 * ttl then redis.call('PEXPIRE', generations, 2 * ttl) end
end
local reply = { 1 }
local surplus = redis.call('ZCARD', index) - tonumber(ARGV[3])
if surplus > 0 then
  local popped = redis.call('ZPOPMIN', index, surplus)
  for i = 1, #popped, 2 do reply[#reply + 1] = popped[i] end
end
return reply
`;

/** KEYS: lease. ARGV: holder, skip ms. */
const ABANDON_FILL = `${DROP_LEASE}
dropLease(KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[1], '', 'PX', ARGV[2], 'NX') end
return 1
`;

/**
 * KEYS: fences…. ARGV: random, fence TTL. Writers under way stay marked. A mutation's response waits for this one, so what only
 * a guarded fence needs is done only where one is met.
 */
const REPLACE_FENCES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('.%d', now)
for i = 1, #KEYS do
  local value = ARGV[1] .. i .. stamp
  local held = redis.call('SET', KEYS[i], value, 'PX', ARGV[2], 'GET')
  if held and string.byte(held) == 33 then
    ${WRITERS}
    local writers, last = writersOf(held, '')
    put(KEYS[i], value, writers, last, ARGV[2])
  end
end
return 1
`;

/** KEYS: fences…. ARGV: random, writer, deadline in ms from now. */
const BEGIN_WRITE = `${CLOCK}${WRITERS}
local deadline = now + tonumber(ARGV[3])
for i, key in ipairs(KEYS) do
  local writers, last = writersOf(redis.call('GET', key), ARGV[2])
  put(key, fence(ARGV[1], i), writers .. '|' .. ARGV[2] .. ':' .. string.format('%d', deadline), math.max(last, deadline), 0)
end
return 1
`;

/** KEYS: fences…. ARGV: random, writer, fence TTL. A mark that has expired is not missed: the fence is replaced all the same. */
const END_WRITE = `${CLOCK}${WRITERS}
for i, key in ipairs(KEYS) do
  local writers, last = writersOf(redis.call('GET', key), ARGV[2])
  put(key, fence(ARGV[1], i), writers, last, ARGV[3])
end
return 1
`;

export const SCRIPTS = {
  beginFill: BEGIN_FILL,
  commitFill: COMMIT_FILL,
  abandonFill: ABANDON_FILL,
  replaceFences: REPLACE_FENCES,
  beginWrite: BEGIN_WRITE,
  endWrite: END_WRITE,
  probe: PROBE,
  ...SWEEP_SCRIPTS,
} as const;
