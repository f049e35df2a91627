// Pieces of Lua that several scripts begin with.

// A fence is "<random>.<ms>", or, while guarded writes are under way, "!<random>.<ms>|<writer>:<deadline ms>|…".
// TIME is allowed before writes because scripts replicate by effect (Redis 5 and later).
export const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function fence(token, i) return token .. i .. '.' .. string.format('%d', now) end
`;

export const DROP_LEASE = `
local function dropLease(key, holder)
  local held = redis.call('GET', key)
  if held and string.sub(held, 1, #holder + 1) == holder .. ',' then redis.call('UNLINK', key) end
end
`;

/**
 * How an index lists an entry: the score is its expiry in whole ms, and behind the point stands what it counts, as a floating point
 * number of 11 bits with 64 steps to each doubling, rounded up. Nothing behind the point: not counted.
 */
const LISTINGS = `
local function costOf(entry, valueBytes) return valueBytes + 2 * #entry + 256 end
local function listing(expiresAt, bytes)
  local fraction, exponent = math.frexp(bytes)
  return math.floor(expiresAt) + (64 * exponent + math.ceil(128 * fraction) - 64) / 2048
end
local function bytesOf(score)
  local size = score % 1 * 2048
  if size == 0 then return 0 end
  return math.ldexp(size % 64 + 64, math.floor(size / 64) - 7)
end
`;

/** Keeps what indexes list, and the ledger, in step. Needs `ledger` and `indexes`: what the names of the tenant's indexes begin with. */
export const LEDGER = `${LISTINGS}
local function add(name, bytes)
  if bytes ~= 0 and redis.call('ZSCORE', ledger, '') then
    redis.call('ZINCRBY', ledger, bytes, name)
    redis.call('ZINCRBY', ledger, bytes, '')
  end
end
local function strike(name)
  local bytes = tonumber(redis.call('ZSCORE', ledger, name) or 0)
  redis.call('ZREM', ledger, name)
  if bytes ~= 0 then redis.call('ZINCRBY', ledger, -bytes, '') end
  return bytes
end
`;

/** Takes what has expired off an index and the ledger. Needs what {@link LEDGER} needs, and `now`. At most 1,000: others wait for it. */
export const PRUNE = `
local function prune(name)
  local index, bytes = indexes .. name, 0
  local before = '(' .. string.format('%d', now + 1)
  local expired = redis.call('ZRANGEBYSCORE', index, '-inf', before, 'WITHSCORES', 'LIMIT', 0, 1000)
  if #expired == 0 then return end
  for i = 2, #expired, 2 do bytes = bytes + bytesOf(expired[i]) end
  redis.call('ZREMRANGEBYRANK', index, 0, #expired / 2 - 1)
  add(name, -bytes)
end
`;

/**
 * Lists an entry that is stored. Needs what {@link PRUNE} needs, and `generations`. An index lives up to twice as long as its entries, so
 * that it is registered and cleared once in a TTL and not with each entry. An index that is gone sooner than that was evicted: what it
 * counted stays counted, behind "~", until its entries must have expired, and `recount` says that a walk should list them anew.
 */
export const LIST = `${PRUNE}
local recount = 0
local function settle(name, ttl)
  local bytes = tonumber(redis.call('ZSCORE', ledger, name) or 0)
  if bytes == 0 then return 0 end
  local ends = tonumber(redis.call('ZSCORE', generations, name) or now + 2 * ttl)
  if ends <= now then return strike(name) end
  redis.call('ZREM', ledger, name)
  redis.call('ZINCRBY', ledger, bytes, '~' .. name)
  redis.call('ZADD', generations, ends, '~' .. name)
  recount = 1
  return 0
end
local function tidy(own, ttl)
  prune(own)
  for _, name in ipairs(redis.call('ZRANGE', ledger, 0, -1)) do
    if string.byte(name) == 126 then
      if tonumber(redis.call('ZSCORE', generations, name) or 0) <= now then strike(name) end
    elseif name ~= '' and name ~= own and redis.call('EXISTS', indexes .. name) == 0 then
      settle(name, ttl)
    end
  end
  redis.call('ZREMRANGEBYSCORE', generations, '-inf', now)
end
local function list(name, entry, score, ttl)
  local index = indexes .. name
  redis.call('ZADD', index, score, entry)
  if redis.call('PTTL', index) >= ttl then return end
  redis.call('PEXPIRE', index, 2 * ttl)
  redis.call('ZADD', generations, now + 2 * ttl, name)
  if redis.call('PTTL', generations) < 2 * ttl then redis.call('PEXPIRE', generations, 2 * ttl) end
  redis.call('PEXPIRE', ledger, 2678400000)
  tidy(name, ttl)
end
`;
