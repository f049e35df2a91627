-- For wrk: sends the requests of a file in turn, and prints what happened as one line of JSON.
local requests = {}
local at = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for text in file:read("*a"):gmatch("%Z+") do
    requests[#requests + 1] = text
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests":%d,"failed":%d,"micros":%d,"bytes":%d,"p50":%d,"p99":%d,"p999":%d}\n',
    summary.requests, failed, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
