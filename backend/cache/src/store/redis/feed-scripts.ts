// The feed's Lua scripts: who drains, how far, and the token that reads of covered modules ask for.
// Tests: test/contract/feed-place.test.ts
import { NOW } from "./lua-parts.js";

/** KEYS: state, lease, wanted. ARGV: holder, lease ms, how long it is wanted (ms, 0 for not). */
const FEED_TURN = `${NOW}
local wanted = tonumber(ARGV[3])
if wanted > 0 then redis.call('SET', KEYS[3], '1', 'PX', ARGV[3]) end
local held = redis.call('GET', KEYS[2])
local leading = 0
if not held or held == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  leading = 1
end
return { leading, redis.call('EXISTS', KEYS[3]), string.format('%d', now), redis.call('GET', KEYS[1]) }
`;

/** Needs `now`. A token of another epoch says nothing any more. */
const SET_TOKEN = `
local function setToken(epochKey, tokenKey, epoch, expiresAt)
  redis.call('SET', epochKey, epoch)
  if tonumber(expiresAt) > now then redis.call('SET', tokenKey, epoch, 'PXAT', expiresAt)
  elseif redis.call('GET', tokenKey) ~= epoch then redis.call('UNLINK', tokenKey) end
end
`;

/** KEYS: state, lease, epoch and token or nothing. ARGV: holder, state, epoch, when the token expires. */
const FEED_KEEP = `${NOW}${SET_TOKEN}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if #KEYS > 2 then setToken(KEYS[3], KEYS[4], ARGV[3], ARGV[4]) end
return 1
`;

/** KEYS: epoch, token. ARGV: epoch, when the token expires. */
const FEED_TOKEN = `${NOW}${SET_TOKEN}
setToken(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return 1
`;

/** KEYS: any of the server's. */
const FEED_CLOCK = `${NOW}
return string.format('%d', now)
`;

/** KEYS: lease. ARGV: holder. */
const FEED_LEAVE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1
`;

/** KEYS: notes. ARGV: note, how long it is kept (ms), most notes. */
const FEED_NOTE = `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;

export const FEED_SCRIPTS = {
  feedTurn: FEED_TURN,
  feedKeep: FEED_KEEP,
  feedToken: FEED_TOKEN,
  feedClock: FEED_CLOCK,
  feedLeave: FEED_LEAVE,
  feedNote: FEED_NOTE,
};
