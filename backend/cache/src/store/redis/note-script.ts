// The Lua script of shared notes: of many who look for one that is not there, one makes it.
// Tests: test/contract/redis-store.test.ts

/** KEYS: note. ARGV: TTL of the time in which it is made. Returns nothing where that is up to who asks, else its text and its PTTL. */
const LOOK_NOTE = `
local text = redis.call('GET', KEYS[1])
if text then return { text, redis.call('PTTL', KEYS[1]) } end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return {}
`;

export const NOTE_SCRIPTS = { lookNote: LOOK_NOTE };
