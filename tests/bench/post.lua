-- Posts bodies of line protocol, one after the other and then again from the
-- first, and prints the figures of the run in one line that a program can read.
--
-- wrk -s post.lua URL -- LINES FILE TARGET: bodies of LINES lines each, cut from
-- FILE, posted to TARGET.

local requests = {}
local sent = 0

-- Prepares everything before the clock starts: wrk shares its CPUs with the relay
-- that it measures.
function init(args)
  local lines, file, target = tonumber(args[1]), args[2], args[3]
  local body = {}
  for line in io.lines(file) do
    body[#body + 1] = line
    if #body == lines then
      body[#body + 1] = ""
      requests[#requests + 1] = wrk.format("POST", target, nil, table.concat(body, "\n"))
      body = {}
    end
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "figures: requests %d microseconds %d non-2xx %d socket-errors %d p50 %d p99 %d max %d\n",
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
