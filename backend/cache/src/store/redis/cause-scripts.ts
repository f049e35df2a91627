// What scripts do for explanations: keep why fences were replaced, read that, and look at an entry without using it.
// Tests: test/contract/redis-store.test.ts, test/integration/causes.test.ts
import { NOW } from "./lua-parts.js";

/** What the reply of a script ends with that has kept a cause, and was not allowed to announce it. */
export const PUBLISH_REFUSED = " (the publish of a script)";

/**
 * What scripts that replace fences end with; needs `now` and `told`. The cause is their last key, the log, and their last
 * arguments: its text, how many are kept, how long, and where it is announced with which beginning, if at all. Without
 * them nothing is kept. Returns 1, or where that is refused why, after which the script has done its work all the same;
 * and `told`.
 *
 * @param first which argument the text is
 */
export function keepCause(first: number): string {
  return `
local refusal = 1
if ARGV[${first}] then
  local log = KEYS[#KEYS]
  local kept = redis.pcall('XADD', log, 'MAXLEN', '~', ARGV[${first + 1}], '*', 'at', string.format('%d', now), 'cause', ARGV[${first}])
  if type(kept) == 'table' and kept.err then refusal = kept.err .. ' (the xadd of a script)'
  else
    redis.call('PEXPIRE', log, ARGV[${first + 2}])
    if ARGV[${first + 3}] then
      local announced = redis.pcall('PUBLISH', ARGV[${first + 3}], ARGV[${first + 4}] .. ' ' .. string.format('%d', now) .. ' ' .. ARGV[${first}])
      if type(announced) == 'table' and announced.err then refusal = announced.err .. '${PUBLISH_REFUSED}' end
    end
  end
end
return { refusal, told }
`;
}

/** KEYS: log. ARGV: since, ms since the epoch; how many. Returns time and text in turn, the newest first. */
const READ_CAUSES = `
local found = {}
for _, each in ipairs(redis.call('XREVRANGE', KEYS[1], '+', ARGV[1], 'COUNT', ARGV[2])) do
  found[#found + 1] = each[2][2]
  found[#found + 1] = each[2][4]
end
return found
`;

/**
 * KEYS: entry, ledger, fences…. ARGV: what the names of the module's indexes begin with. Returns the entry, whether the
 * live generation lists it as one that has not expired, how many entries that lists, the tenant's bytes, fences….
 */
const PEEK = `${NOW}
local fences = {}
for i = 3, #KEYS do fences[i - 2] = redis.call('GET', KEYS[i]) end
local index = ARGV[1] .. (fences[1] or '') .. '_' .. (fences[2] or '')
local listed = tonumber(redis.call('ZSCORE', index, KEYS[1]) or 0) > now and 1 or 0
local bytes = tonumber(redis.call('ZSCORE', KEYS[2], '') or 0)
return { redis.call('GET', KEYS[1]), listed, redis.call('ZCARD', index), string.format('%.0f', bytes), unpack(fences) }
`;

export const CAUSE_SCRIPTS = { readCauses: READ_CAUSES, peek: PEEK };
