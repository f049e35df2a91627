// The Lua script that pages through the live index of a tenant's module, for operators: keys, times, sizes and the beginning of each entry.
// Tests: test/contract/redis-store.test.ts
import { NOW } from "./lua-parts.js";

// KEYS: the tenant's fence, the module's fence. ARGV: what the names of the tenant's indexes begin with, the
// module, the score and the key to go on behind ('' for none), most entries, bytes of each. Returns key, score,
// size and beginning of each. The generation is read here, so that a page is of one. Where GETRANGE is refused, no
// more than 64 KiB are copied for a beginning.
const LIST_ENTRIES = `${NOW}
local index = ARGV[1] .. ARGV[2] .. ':' .. (redis.call('GET', KEYS[1]) or '') .. '_' .. (redis.call('GET', KEYS[2]) or '')
local from, after, most, bytes = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if from == '' then from = string.format('%d', now) end
local function beginning(entry, size)
  if size == 0 then return '' end
  local start = redis.pcall('GETRANGE', entry, 0, bytes - 1)
  if type(start) == 'string' then return start end
  if size > 65536 then return '' end
  return string.sub(redis.call('GET', entry) or '', 1, bytes)
end
local found, offset = {}, 0
repeat
  local page = redis.call('ZRANGEBYSCORE', index, from, '+inf', 'WITHSCORES', 'LIMIT', offset, most)
  for i = 1, #page, 2 do
    if #found < 4 * most and (page[i + 1] ~= from or page[i] > after) then
      local size = redis.call('STRLEN', page[i])
      found[#found + 1] = page[i]
      found[#found + 1] = page[i + 1]
      found[#found + 1] = size
      found[#found + 1] = beginning(page[i], size)
    end
  end
  offset = offset + most
until #page < 2 * most or #found >= 4 * most
return found
`;

export const LISTING_SCRIPTS = { listEntries: LIST_ENTRIES };
