# shellcheck shell=bash
# shellcheck disable=SC2154 # root: the top of the tree, set by who sources this
# What `run` and `test` share.

# ---- words to the user ---------------------------------------------------------------------------

say() { printf '==> %s\n' "$*" || true; }
warn() { printf '==> %s\n' "$*" >&2 || true; }
die() {
    warn "$*"
    exit 1
}

# ---- processes -----------------------------------------------------------------------------------

# PR_SET_PDEATHSIG: the kernel ends such a child when this shell is gone, SIGKILL included, where no
# trap could.
tied=(setpriv --pdeathsig TERM --)

lock_fd='' # The lock of a data directory: no child may inherit it, else it would outlive this shell.
child=''   # The process that `await` waits for.

# Runs a command so that a signal ends it at once: bash runs its traps between commands and while it
# `wait`s, but not while a command runs in the foreground.
await() {
    local status=0
    (
        close_lock
        "$@"
    ) </dev/null &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

close_lock() { [[ -z $lock_fd ]] || exec {lock_fd}>&-; }

# Whether process $1 runs. One that is dead and not yet collected by its parent does not.
alive() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
    [[ -n $state && $state != Z* ]]
}

# Waits until process $1 has ended, at most $2 seconds.
ends() {
    local i
    for ((i = 0; i < $2 * 10; i++)); do
        alive "$1" || return 0
        sleep 0.1
    done
    return 1
}

# Ends process $1 (a child of ours): TERM, then KILL after $2 seconds.
end_process() {
    kill -TERM "$1" 2>/dev/null || true
    ends "$1" "$2" || kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# Takes the lock of file $1, or fails at once when another process has it.
try_lock() {
    exec {lock_fd}>>"$1"
    flock -n "$lock_fd" && return
    close_lock
    lock_fd=''
    return 1
}

# ---- the machine ---------------------------------------------------------------------------------

need_linux() {
    local tool
    for tool in flock setpriv setsid; do
        command -v "$tool" >/dev/null || die "$tool (util-linux) is missing: this script needs Linux. Elsewhere: docker compose up"
    done
    [[ -w $root ]] || die "$(id -un) can't write to $root, where the build goes: use a checkout of your own"
    # NuGet and the SDK keep their caches below HOME, and stop without one.
    if [[ -z ${HOME:-} || ! -w $HOME ]]; then
        export HOME="$root/.cache/home"
        mkdir -p "$HOME"
    fi
}

# Sets `sudo` to what makes a command run as root; fails where nothing does without a password.
may_install() {
    sudo=()
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) && return
    sudo=(sudo -n)
    command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

# Installs Debian's packages $@; call it after may_install.
install_packages() {
    local log
    log=$(mktemp "${TMPDIR:-/tmp}/xlnet-apt.XXXXXX")
    say "installing Debian's $* (apt-get)"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    # A fresh image has no package lists, and old lists name versions that are gone.
    if ! "${sudo[@]}" "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
        if ! { "${sudo[@]}" "${apt[@]}" update && "${sudo[@]}" "${apt[@]}" install --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
            tail -n 20 "$log" >&2
            rm -f "$log"
            return 1
        fi
    fi
    rm -f "$log"
}

# The same for packages with services, which are wanted for their programs alone: nothing is started,
# and nothing at the next boot either.
install_idle() {
    local policy=/usr/sbin/policy-rc.d mine='' status=0 unit
    local -a units=(networking.service openvswitch-switch.service ovsdb-server.service ovs-vswitchd.service ovs-record-hostname.service) new=()
    for unit in "${units[@]}"; do
        [[ -e /lib/systemd/system/$unit || -e /etc/systemd/system/$unit ]] || new+=("$unit")
    done
    if [[ ! -e $policy ]]; then
        mine=1
        # shellcheck disable=SC2016 # $1 is the inner shell's
        "${sudo[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
    fi
    install_packages "$@" || status=$?
    [[ -z $mine ]] || "${sudo[@]}" rm -f "$policy"
    for unit in "${new[@]}"; do
        [[ ! -e /lib/systemd/system/$unit ]] || "${sudo[@]}" systemctl --no-reload --quiet disable "$unit" >/dev/null 2>&1 || true
    done
    return "$status"
}

# ---- .NET ----------------------------------------------------------------------------------------

# Puts on PATH a .NET SDK that global.json accepts; fetches one into .dotnet/ where there is none.
need_dotnet() {
    export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
    # Without ICU the SDK does not start, unless told to do without; then it must still take the names
    # of cultures, which packages have resources for (NETSDK1188).
    if ! { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep libicuuc >/dev/null; then
        export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY=false
    fi
    # Build servers would outlive this script, and hold what they inherited.
    export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false

    if dotnet_fits dotnet; then return; fi
    if [[ -x $root/.dotnet/dotnet ]] || fetch_dotnet; then
        export DOTNET_ROOT="$root/.dotnet" PATH="$root/.dotnet:$PATH"
        if dotnet_fits dotnet; then return; fi
    fi
    die "the .NET SDK $(sdk_version) (global.json) is missing and could not be fetched: install it (https://dotnet.microsoft.com/download), or use docker compose up"
}

sdk_version() { sed -n 's/.*"version" *: *"\([^"]*\)".*/\1/p' "$root/global.json"; }

# `dotnet --version` fails when no installed SDK satisfies the global.json of its directory.
dotnet_fits() { command -v "$1" >/dev/null && (cd -- "$root" && "$1" --version) >/dev/null 2>&1; }

fetch_dotnet() {
    local script="$root/.cache/dotnet-install.sh" url=https://dot.net/v1/dotnet-install.sh
    say "no .NET SDK $(sdk_version) here: fetching it into .dotnet/ with Microsoft's dotnet-install"
    mkdir -p "$root/.cache"
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout 10 --max-time 60 -o "$script" "$url" 2>/dev/null || return 1
    elif command -v wget >/dev/null; then
        wget -q -T 10 -O "$script" "$url" || return 1
    else
        return 1
    fi
    await "${tied[@]}" bash "$script" --version "$(sdk_version)" --install-dir "$root/.dotnet" --no-path
}

# Runs dotnet with $@ in the tree. One at a time: two builds of one tree break each other's files.
build() {
    mkdir -p "$root/.cache"
    await locked_build "$@"
}

locked_build() {
    local fd
    exec {fd}>>"$root/.cache/build.lock"
    if ! flock -n "$fd"; then
        say "waiting for another build of this tree"
        flock "$fd"
    fi
    cd -- "$root" || return
    exec "${tied[@]}" dotnet "$@"
}

# ---- PostgreSQL ----------------------------------------------------------------------------------

pg_process='' # The PostgreSQL that this shell started.
pg_socket=''  # The directory of its socket.

# shellcheck disable=SC2120 # who takes any version gives no argument
# Sets pg_bin to the directory of PostgreSQL's server programs (of major version $1 when given).
find_postgres() {
    local want=${1:-} dir candidates=()
    # Debian keeps every major version side by side and none on PATH.
    mapfile -t candidates < <(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV)
    if command -v pg_config >/dev/null; then candidates+=("$(pg_config --bindir 2>/dev/null || true)"); fi
    if command -v postgres >/dev/null; then candidates+=("$(dirname -- "$(readlink -f -- "$(command -v postgres)")")"); fi
    if command -v initdb >/dev/null; then candidates+=("$(dirname -- "$(readlink -f -- "$(command -v initdb)")")"); fi
    for dir in "${candidates[@]}"; do
        [[ -x $dir/postgres && -x $dir/initdb && -x $dir/psql && -x $dir/pg_isready ]] || continue
        [[ -z $want || $("$dir/postgres" --version) =~ \ $want(\.|[a-z]|\ |$) ]] || continue
        pg_bin=$dir
        return
    done
    return 1
}

# shellcheck disable=SC2120
# As find_postgres, after installing Debian's packages when nothing is found and it may.
need_postgres() {
    find_postgres "$@" && return
    may_install || return 1
    # Debian's package would make and start a cluster `main`, which nobody asked for.
    local dropin=/etc/postgresql-common/createcluster.d/xlnet.conf status=0
    # shellcheck disable=SC2016 # $1 is the inner shell's
    "${sudo[@]}" sh -c 'mkdir -p "${1%/*}" && echo "create_main_cluster = false" >"$1"' sh "$dropin"
    install_packages "postgresql${1:+-$1}" || status=$?
    "${sudo[@]}" rm -f "$dropin"
    ((status == 0)) && find_postgres "$@"
}

# PostgreSQL refuses to run as root. Sets pg_uid and pg_as, the command that lowers root to the user
# of cluster $1: its owner when there is one, else `postgres`, else `nobody`.
choose_pg_user() {
    local cluster=$1 user name
    pg_uid=$EUID pg_as=(setpriv)
    if [[ -d $cluster ]]; then
        pg_uid=$(stat -c %u -- "$cluster")
        ((EUID == 0 || pg_uid == EUID)) ||
            die "$cluster belongs to $(stat -c %U -- "$cluster"): run this as that user or as root, or take another --data"
    fi
    ((EUID == 0)) || return 0
    if ((pg_uid == 0)); then
        for name in postgres nobody; do
            user=$(id -u "$name" 2>/dev/null) && break
        done
        [[ -n ${user:-} ]] || die "PostgreSQL refuses to run as root, and there is no user postgres or nobody here"
        pg_uid=$user
    fi
    pg_as=(setpriv --reuid="$pg_uid" --regid="$(id -g "$pg_uid" 2>/dev/null || echo "$pg_uid")" --clear-groups)
}

# Runs $@ as the cluster's user, from a directory that it can read and without the caller's PGHOST,
# PGPORT, PGDATA and the like, which would name another cluster.
as_pg() {
    (
        close_lock
        cd / && unset "${!PG@}" && exec "${pg_as[@]}" -- "$@"
    ) </dev/null
}

pg_sql() { as_pg "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$pg_socket" -p 5432 -U postgres -d "${2:-postgres}" -c "$1"; }

# A socket's path has at most 107 bytes (sun_path), and a connection string splits hosts at commas.
fits_socket() {
    local LC_ALL=C path="$1/.s.PGSQL.5432"
    ((${#path} <= 107)) && [[ $1 != *[!A-Za-z0-9/._@+\ -]* ]]
}

# Makes cluster $1; $2 are the lines of its own settings, $3... more options of initdb. Made aside and
# renamed, so that one half made never looks like a whole one.
pg_init() {
    local cluster=$1 settings=$2 new="$1.new" log="$1.initdb.log"
    shift 2
    rm -rf -- "$new"
    mkdir -m 700 -- "$new"
    ((EUID != 0)) || chown "$pg_uid" -- "$new"
    # Only the cluster's user and root reach the socket, in a directory of mode 0700: hence trust.
    if ! as_pg "$pg_bin/initdb" -D "$new" -U postgres --auth=trust --encoding=UTF8 --locale=C "$@" >"$log" 2>&1; then
        cat "$log" >&2
        die "initdb failed"
    fi
    rm -f -- "$log"
    {
        printf '%s\n' "$settings"
        printf '%s\n' "listen_addresses = ''" "port = 5432" "unix_socket_permissions = 0700" "logging_collector = off"
        printf '%s\n' "include_if_exists = 'socket.conf'"
    } >>"$new/postgresql.conf"
    mv -T -- "$new" "$cluster"
}

# The process id of the PostgreSQL that runs on cluster $1, if one does.
pg_pid() {
    local pid
    [[ -r $1/postmaster.pid ]] || return 1
    read -r pid <"$1/postmaster.pid" || return 1
    [[ $pid =~ ^[0-9]+$ && -d /proc/$pid ]] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fxq -- "$1" || return 1
    printf '%s\n' "$pid"
}

# Starts PostgreSQL on cluster $1, its socket in directory $2, its log in file $3, as process
# pg_process; $4 is a signal that it gets when this shell is gone. In a session of its own: a Ctrl-C
# is ours to handle, and PostgreSQL stops after what uses it.
pg_start() {
    local cluster=$1 socket=$2 log=$3 signal=${4:-keep} stale
    pg_socket=$socket
    # After a SIGKILL or a power cut the file stays, and its pid may be another program's by now, at
    # which PostgreSQL would refuse to start. It sorts out by itself a pid that is gone.
    if read -r stale 2>/dev/null <"$cluster/postmaster.pid" && [[ -d /proc/$stale ]] &&
        [[ $(cat "/proc/$stale/comm" 2>/dev/null) != postgres ]]; then
        rm -f -- "$cluster/postmaster.pid"
    fi
    # shellcheck disable=SC2016 # $1 and $2 are the inner shell's
    as_pg sh -c 'printf "unix_socket_directories = '\''%s'\''\n" "$2" >"$1"' sh "$cluster/socket.conf" "$socket"
    (
        close_lock
        cd / && unset "${!PG@}" && exec setsid "${pg_as[@]}" --pdeathsig "$signal" -- "$pg_bin/postgres" -D "$cluster"
    ) </dev/null >>"$log" 2>&1 &
    pg_process=$!
}

# Waits until PostgreSQL, process $1, takes connections. Recovery after a crash may take a while.
pg_wait() {
    local pid=$1 log=$2 i
    for ((i = 0; i < 3000; i++)); do
        if as_pg "$pg_bin/pg_isready" -q -t 3 -h "$pg_socket" -p 5432; then return; fi
        alive "$pid" || break
        if ((i == 100)); then say "still waiting for PostgreSQL (log: $log)"; fi
        sleep 0.1
    done
    tail -n 15 -- "$log" >&2
    die "PostgreSQL did not start (log: $log)"
}

# Stops the PostgreSQL of cluster $1: its fast shutdown, then the immediate one.
pg_stop() {
    local pid
    # One that is only starting has no pid file yet.
    pid=$(pg_pid "$1") || pid=$pg_process
    if [[ -z $pid ]] || ! alive "$pid"; then return 0; fi
    kill -INT "$pid" 2>/dev/null || true
    # In a trap, a bare `return` would give the status from before the trap.
    if ends "$pid" 60; then return 0; fi
    kill -QUIT "$pid" 2>/dev/null || true
    ends "$pid" 20
}
