#!/usr/bin/env bash
# Tests ./run from outside: what it starts, says and leaves behind. Prints TAP, and writes it to $1.
# shellcheck disable=SC2317 # `check` and `within` call the functions by name
set -uo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
report=${1:-/dev/null}
: >"$report"
unset ConnectionStrings__Xlnet

number=0
failures=0
tap() { printf '%s\n' "$*" | tee -a "$report"; }
# check NAME COMMAND...: the test NAME passes when the command succeeds.
check() {
    local name=$1
    shift
    number=$((number + 1))
    if "$@"; then
        tap "ok $number - $name"
    else
        failures=$((failures + 1))
        tap "not ok $number - $name"
        if [[ -f $log ]]; then sed 's/^/  | /' "$log" | tail -n 40; fi
    fi
}

# Blanks in the path on purpose.
temporary=$(mktemp -d /tmp/xlnet-scripts.XXXXXX)
chmod 755 "$temporary"
data="$temporary/some data"
log=''
starts=0
run=''

# The processes that have the data directory in their arguments: the service and PostgreSQL.
processes() {
    local dir
    for dir in /proc/[0-9]*; do
        if tr '\0' '\n' 2>/dev/null <"$dir/cmdline" | grep -q -- "^$data/$1"; then echo "${dir#/proc/}"; fi
    done
}
service_pid() { processes app/; }
postgres_pid() { processes postgres; }

clean_up() {
    local pid
    for pid in $run $(service_pid) $(postgres_pid); do kill -KILL "$pid" 2>/dev/null; done
    rm -rf -- "$temporary"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
    local port
    for ((port = 18080 + RANDOM % 2000; ; port++)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
ready() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return
    printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 10 _ status _ <&3 && [[ $status == 200 ]]
}
answers() { (ready) 2>/dev/null; }
silent() { ! answers; }
says() { grep -q -- "$1" "$log"; }
started() { says "ready:" && answers; }
# within SECONDS COMMAND...: the command succeeds before the time is over.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}
# A background process of a script ignores SIGINT unless told otherwise, and could not be sent a Ctrl-C.
start() {
    log="$temporary/log$((++starts))" # An earlier service that is still ending has the earlier log.
    env --default-signal=INT "$root/run" --data "$data" --port "$port" >"$log" 2>&1 </dev/null &
    run=$!
}
# ended WANT: ./run has ended within 60 s, with status WANT.
ended() {
    local status=0
    within 60 gone "$run" || return
    wait "$run" || status=$?
    run=''
    [[ $status == "$1" ]] || { echo "  | status $status instead of $1"; return 1; }
}
gone() { [[ ! -d /proc/$1 || $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) == Z ]]; }
nothing_left() { [[ -z $(service_pid) && -z $(postgres_pid) ]]; }
is() { [[ $1 == "$2" ]] || { echo "  | '$1' is not '$2'"; return 1; }; }
# refused WORDS ARGUMENT...: ./run with the arguments ends at once with those words.
refused() {
    local words=$1 output
    shift
    if ! output=$("$root/run" "$@" 2>&1 </dev/null) && grep -q -- "$words" <<<"$output"; then return; fi
    printf '  | %s\n' "$output"
    return 1
}

check "an option that it does not know is refused" refused "what is '--nonsense'" --nonsense
check "a port that is none is refused" refused "number from 1 to 65535" --port 65536
if command -v shellcheck >/dev/null; then
    check "shellcheck finds nothing" shellcheck -x -P SCRIPTDIR "$root/run" "$root/test" "$root/.ci/run" "$root/scripts/lib.sh" "${BASH_SOURCE[0]}"
fi


port=$(free_port)
start
check "on an empty data directory the service is ready within 60 s" within 60 started
check "it says the address" says "ready:  http://127.0.0.1:$port"
check "it says where the API can be tried out" says "http://127.0.0.1:$port/swagger"
check "a second one on the same data says what runs" refused "http://127.0.0.1:$port, process $run" --data "$data" --port "$((port + 1))"
check "a second one on the same port says so" refused "port $port is in use" --data "$temporary/other" --port "$port"
check "the first one does not notice" answers
kill -INT "$run"
check "Ctrl-C ends it with status 0" ended 0
check "it says that it stopped, and no trouble" is "$(grep "^==>" "$log" | tail -n 3 | tr "\n" " ")" "==> stopping xlnet ==> stopping PostgreSQL ==> stopped "
check "no process is left" nothing_left
check "the port is free again" silent

start
check "it starts again on the same data" within 60 started
postgres=$(postgres_pid)
kill -KILL "$run"
wait "$run"
start
check "after a SIGKILL the next one is ready" within 60 started
check "it uses the PostgreSQL that still runs" is "$(postgres_pid)" "$postgres"
check "one service runs" is "$(service_pid | wc -l)" 1

kill -KILL "$run" "$(service_pid)" "$(postgres_pid)"
wait "$run"
within 10 nothing_left
# The pid in the file that PostgreSQL left is another program's now.
sed -i "1s/.*/$$/" "$data/postgres/postmaster.pid"
start
check "after a SIGKILL of everything the next one is ready" within 60 started
kill -KILL "$(service_pid)"
check "when the service dies, it ends with the service's status" ended 137
check "no process is left then" nothing_left

start
within 30 says "building"
kill -TERM "$run"
check "it can be stopped while it builds" ended 143
check "nothing is left of that" nothing_left

tap "1..$number"
exit $((failures > 0))
