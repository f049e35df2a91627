// The registry of processes that hold a read lease, in Lua: what changes fences tells them, and they ask to be in it.
// Tests: test/integration/leased-reads.test.ts, test/faults/leased-registry.test.ts
import { FENCE_TTL_MS } from "../fence-token.js";

/*
 * The registry is one text, see docs/internals/leased-freshness.md:
 *   server " " generation " " told " " ripe *( " " reader ":" renewals )
 * No server knows which one it is: whoever calls says so, and proves it in the same round trip.
 */

const PARSE = `
local function parse(held)
  return string.match(held or '', '^(%S*) (%S+) (%d+) (%d)(.*)$')
end
local function keep(registry, server, generation, told, ripe, readers)
  local text = table.concat({ server, generation, told, ripe }, ' ') .. readers
  redis.call('SET', registry, text, 'PX', ${FENCE_TTL_MS})
end
`;

/** How many of the keys are fences: behind them stand the registry and the log of causes, or neither. */
export const fenceCount = (told: number): string =>
  `(#KEYS - (ARGV[${told}] == '' and 0 or 1) - (ARGV[${told + 2}] and 1 or 0))`;

/**
 * What scripts that change fences do behind it; leaves in `told` what the writer has to wait for: nothing where there is no
 * registry, "-" where that is another server's, else all of it but the server.
 *
 * @param told which argument the writer's id is, empty where there is no registry; the next one is the server's id
 */
export const tellReaders = (told: number): string => `
local told = ''
if ARGV[${told}] ~= '' then
  local count = ${fenceCount(told)}
  local registry = KEYS[count + 1]
  local held = redis.call('GET', registry)
  if held then
    ${PARSE}
    local server, generation, number, ripe, readers = parse(held)
    if server ~= ARGV[${told + 1}] then told = '-'
    else
      if readers ~= '' then
        number = string.format('%d', number + 1)
        keep(registry, server, generation, number, ripe, readers)
        local message = table.concat({ generation, number, ARGV[${told}], table.concat(KEYS, ' ', 1, count) }, ' ')
        redis.pcall('PUBLISH', registry, message)
      end
      told = table.concat({ generation, number, ripe }, ' ') .. readers
    end
  end
end
`;

/**
 * KEYS: registry. ARGV: server, reader, the generation that it knows, one to begin with, 1 where it has lived through a
 * lease of the generation that it knows, most readers. Returns generation, told, renewals (0: refused), and whether the reader was in it.
 */
const HOLD_READS = `${PARSE}
local server, generation, told, ripe, readers = parse(redis.call('GET', KEYS[1]))
if server ~= ARGV[1] then generation, told, ripe, readers = ARGV[4], '0', '0', '' end
local renewals, others = 0, 0
local rest = string.gsub(readers, ' (%w+):(%d+)', function(reader, count)
  if reader == ARGV[2] then renewals = tonumber(count) return '' end
  others = others + 1
end)
if others >= tonumber(ARGV[6]) then return { generation, told, 0, 0 } end
if ARGV[5] == '1' and generation == ARGV[3] then ripe = '1' end
keep(KEYS[1], ARGV[1], generation, told, ripe, rest .. ' ' .. ARGV[2] .. ':' .. string.format('%d', renewals + 1))
return { generation, told, renewals + 1, renewals > 0 and 1 or 0 }
`;

/**
 * KEYS: registry. ARGV: server, the generation that is meant ('' for none), a new one, then "reader:renewals" to take off. Whoever calls has
 * lived through a lease since it has seen that generation: it is ripe. Where it is none, or another server's, it is begun anew: not ripe,
 * because one may have come and gone in the meantime.
 */
const SETTLE_READS = `${PARSE}
local server, generation, told, ripe, readers = parse(redis.call('GET', KEYS[1]))
if (generation or '') ~= ARGV[2] and not (ARGV[2] == '-' and server ~= ARGV[1]) then return 0 end
if server ~= ARGV[1] then
  keep(KEYS[1], ARGV[1], ARGV[3], '0', '0', '')
  return 1
end
for i = 4, #ARGV do
  local rest = string.gsub(readers .. ' ', ' ' .. ARGV[i] .. ' ', ' ', 1)
  readers = string.sub(rest, 1, -2)
end
keep(KEYS[1], server, generation, told, '1', readers)
return 1
`;

/** KEYS: registry. ARGV: server, a new generation. Nobody is in it, and it is not ripe; where there is none, it stays so. */
const VOID_READS = `${PARSE}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
keep(KEYS[1], ARGV[1], ARGV[2], '0', '0', '')
return 1
`;

export const READ_LEASE_SCRIPTS = { holdReads: HOLD_READS, settleReads: SETTLE_READS, voidReads: VOID_READS };
