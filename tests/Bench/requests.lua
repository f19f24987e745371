-- For wrk: METHOD PATH HOSTS [BODY], in which {host}, {guest} and {devid} are drawn anew for each request (see Population.cs).
local headers = { ["Content-Type"] = "application/json" }
local method, path, hosts, body

function init(args)
    method, path, hosts, body = args[1], args[2], tonumber(args[3]), args[4]
    math.randomseed(os.time())
end

function request()
    local at = path:gsub("{host}", function() return 10000 + math.random(hosts) end)
        :gsub("{guest}", function() return math.random(100) .. ".5" end):gsub("{devid}", function() return math.random(4) - 1 end)
    return wrk.format(method, at, headers, body)
end

-- One line, that Wrk.cs reads; times in microseconds.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("measured requests=%d duration=%d p99=%d failed=%d\n", summary.requests, summary.duration,
        latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
