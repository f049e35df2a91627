// Pieces of Lua that several scripts begin with.
// Tests: test/contract/redis-store.test.ts

// A fence is "<random>.<ms>", or, while guarded writes are under way, "!<random>.<ms>|<writer>:<deadline
// ms>|…". TIME is allowed before writes because scripts replicate by effect (Redis 5 and later).
export const NOW: string = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

export const CLOCK: string = `${NOW}
local function fence(token, i) return token .. i .. '.' .. string.format('%d', now) end
`;

export const DROP_LEASE: string = `
local function dropLease(key, holder)
  local held = redis.call('GET', key)
  if held and string.sub(held, 1, #holder + 1) == holder .. ',' then redis.call('UNLINK', key) end
end
`;

// How an index lists an entry: the score is its expiry in whole ms, and behind the point stands what it
// counts, as a floating point number of 11 bits with 64 steps to each doubling, rounded up. Nothing behind
// the point: not counted.
export const LISTINGS: string = `
local function listing(expiresAt, entry, valueBytes)
  local fraction, exponent = math.frexp(valueBytes + 2 * #entry + 256)
  return math.floor(expiresAt) + (64 * exponent + math.ceil(128 * fraction) - 64) / 2048
end
local function bytesOf(score)
  local size = score % 1 * 2048
  if size == 0 then return 0 end
  return math.ldexp(size % 64 + 64, math.floor(size / 64) - 7)
end
local function bytesOfAll(listings)
  local bytes = 0
  for i = 2, #listings, 2 do bytes = bytes + bytesOf(listings[i]) end
  return bytes
end
`;

// The sums in the ledger. Needs LISTINGS, `ledger` and `indexes`. Where the ledger is lost nothing is added: the next
// store adds it up. No more is taken off an index than it was counted with: a ledger that was added up without the
// tenant's generations knows nothing of some. `addUp` is for an index that counts nothing.
export const LEDGER: string = `
local function add(name, bytes)
  local counted = bytes ~= 0 and redis.call('ZSCORE', ledger, bytes < 0 and name or '')
  if counted then
    if bytes < 0 then bytes = math.max(bytes, -counted) end
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
local function addUp(name)
  local bytes = bytesOfAll(redis.call('ZRANGE', indexes .. name, 0, -1, 'WITHSCORES'))
  add(name, bytes)
  return bytes
end
`;

// Takes what has expired off an index and the ledger, at most 1,000 entries: others wait for it. A key is
// there until the ms of its expiry is over. Needs LISTINGS, LEDGER, `now` and `indexes`: what the names of
// the tenant's indexes begin with.
export const PRUNE: string = `
local function prune(name)
  local index = indexes .. name
  local expired = redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. string.format('%d', now), 'WITHSCORES', 'LIMIT', 0, 1000)
  if #expired == 0 then return end
  redis.call('ZREMRANGEBYRANK', index, 0, #expired / 2 - 1)
  add(name, -bytesOfAll(expired))
end
`;

// The books of a tenant live longer than what they list, and 31 days at least: where they are missing they
// were lost.
export const KEEP_BOOKS: string = `
local function keep(key, ttl)
  local life = math.max(${31 * 86_400_000}, 2 * ttl)
  if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
end
`;

// The lives of indexes. Needs what PRUNE needs, `generations` and `recount`. An index that is gone sooner
// than its entries must have expired was evicted: what it counted stays counted until then, behind "~", and
// `recount` says that a walk should list them anew. Where it is lost once more, the later of both ends
// counts. The end of an index is known for a second longer than it lasts, so that it is never taken for lost.
export const TIDY: string = `${PRUNE}
local function settle(name, ttl)
  local bytes = tonumber(redis.call('ZSCORE', ledger, name) or 0)
  if bytes == 0 then return 0 end
  local ends = tonumber(redis.call('ZSCORE', generations, name) or now + 2 * ttl)
  if ends < now then return strike(name) end
  redis.call('ZREM', ledger, name)
  redis.call('ZINCRBY', ledger, bytes, '~' .. name)
  redis.call('ZADD', generations, 'GT', ends, '~' .. name)
  recount = 1
  return 0
end
local function tidy(ttl)
  for _, name in ipairs(redis.call('ZRANGE', ledger, 0, -1)) do
    if string.byte(name) == 126 then
      if tonumber(redis.call('ZSCORE', generations, name) or 0) < now then strike(name) end
    elseif name ~= '' and redis.call('EXISTS', indexes .. name) == 0 then
      settle(name, ttl)
    end
  end
  redis.call('ZREMRANGEBYSCORE', generations, '-inf', now - 1000)
end
`;

// Registers an index and clears it: once in a TTL and not with each entry, as it lives up to twice as long as
// its entries. Its end and the one in the tenant's generations are of one clock: which of them comes first
// tells whether an index was lost.
export const REGISTER: string = `${TIDY}${KEEP_BOOKS}
local function register(name, ttl)
  local ends = now + 2 * ttl
  redis.call('PEXPIREAT', indexes .. name, ends)
  redis.call('ZADD', generations, ends, name)
  keep(generations, ttl)
  keep(ledger, ttl)
  prune(name)
  tidy(ttl)
end
`;
