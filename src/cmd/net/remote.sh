# shellcheck shell=sh disable=SC2154
# What `peermon net` does on one host, for one user, without root. The host's sh reads it from ssh's stdin, behind lines that set
# what the steps take (`act` and the others, see remote.rs); what follows it there is the program, where it has to be copied.
#
# Answers are lines of stdout that begin with `peermon-net`; whatever else a login prints is nobody's answer. The last one is `done`,
# or `failed KIND` after lines of `words`. Nothing that is secret is ever in the arguments of a process.
set -u
umask 077
LC_ALL=C
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
export LC_ALL PATH
unset PEERMON_SOCKET PEERMON_CLIENT_PORT PEERMON_POLICY PEERMON_LOG

uid=$(id -u)

# The same on all hosts that share a home: the program, the key, the machines.
folder=${XDG_DATA_HOME:-$HOME/.local/share}/peermon/net
case $folder in
/*) ;;
*) folder=$HOME/.local/share/peermon/net ;;
esac
program=$folder/bin/peermon
# The daemon and its clients take this for the config folder, so that neither the user's other networks nor the host's have anything
# to do with them, nor mistakes in their settings.
XDG_CONFIG_HOME=$folder
PEERMON_CONFIG_DIR=$folder/peermon
export XDG_CONFIG_HOME PEERMON_CONFIG_DIR
key_file=$folder/peermon/gossip.key
machines_file=$folder/peermon/machines.txt
# One for each home: who finds it made, finds the others' too.
home_mark=$folder/home

# This host's own: what the daemon keeps there, and who the daemon is.
runtime=/tmp/peermon-$uid
record=$runtime/net

say() {
    printf 'peermon-net %s\n' "$*"
}

# fail KIND TEXT: and nothing half-made stays.
fail() {
    printf '%s\n' "$2" | sed 's/^/peermon-net words /'
    say failed "$1"
    exit 1
}

# text TEXT: on stdout. In some shells printf is a program, whose arguments others can see, and which takes only so many.
text() {
    cat <<END
$1
END
}

# A tenth of a second, where sleep knows parts of one.
pause() {
    sleep 0.1 2>/dev/null || sleep 1
}

unique() {
    cat /proc/sys/kernel/random/uuid
}

boot() {
    cat /proc/sys/kernel/random/boot_id
}

# started PID: when, in ticks since the machine did; nothing where there is no such process, or only its exit code is left.
started() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" && $1 != "X" { print $20 }'
}

# Whether $runtime is a folder of this user, and no link.
is_own() {
    [ -n "$(find "$runtime" -prune -type d -user "$uid" 2>/dev/null)" ]
}

# What the record says, whether it is still true or not.
read_record() {
    pid=''
    is_own && [ -f "$record" ] || return 1
    read -r pid begun booted version port client_port files <"$record" || return 1
    case $pid in
    '' | *[!0-9]*) return 1 ;;
    esac
}

# Whether the daemon that was started here lives: the process of that number, which started at that moment. Another one that
# has got the number is never taken for it.
is_alive() {
    if is_own && [ ! -e "$record" ]; then
        adopt
    else
        read_record && [ "$booted" = "$(boot)" ] && [ "$(started "$pid")" = "$begun" ]
    fi
}

# What tidies /tmp may take the record after some days. Then the daemon says itself who it is, at the network's socket in a folder that
# is ours, and has to be the program that lies here.
adopt() {
    [ -S "$runtime/$wanted_client_port.sock" ] || return 1
    status=$("$program" query --socket "$runtime/$wanted_client_port.sock" --status --json 2>/dev/null) || return 1
    pid=$(number pid)
    runs_ours || return 1
    begun=$(started "$pid")
    version=$(printf '%s\n' "$status" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
    port=$(number port)
    client_port=$wanted_client_port
    files=''
    [ -n "$begun" ]
}

# Whether process $pid runs the program that lies here, or lay here before another one took its name.
runs_ours() {
    bin=$(cd "$folder/bin" 2>/dev/null && pwd -P) || return 1
    case $(readlink "/proc/${pid:-none}/exe" 2>/dev/null) in
    "$bin/peermon" | "$bin/peermon (deleted)") ;;
    *) return 1 ;;
    esac
}

# number KEY: of $status.
number() {
    printf '%s\n' "$status" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

# The daemon of the record ends, as politely as it can. One that was stopped hears of it only when it goes on.
end_daemon() {
    kill -TERM "$pid" 2>/dev/null
    kill -CONT "$pid" 2>/dev/null
    end=$(($(date +%s) + 10))
    while [ "$(started "$pid")" = "$begun" ]; do
        [ "$(date +%s)" -le "$end" ] || fail end "process $pid has not ended within 10 s of TERM"
        pause
    done
}

# put FILE TEXT: whole or not at all; a file that says so already stays.
put() {
    if [ "$(cat "$1" 2>/dev/null)" != "$2" ]; then
        new=$(dirname "$1")/.new.$(unique)
        if ! words=$({ text "$2" >"$new"; } 2>&1) || ! words=$(mv -f "$new" "$1" 2>&1); then
            rm -f "$new"
            fail write "$words"
        fi
    fi
}

# --- look ----------------------------------------------------------------------------------------------------------------

# Which home this is: hosts that say the same share it. Whoever makes the mark first has made it for all.
mark_home() {
    words=$(mkdir -p "$folder/bin" "$folder/peermon" 2>&1) || fail write "$words"
    if [ ! -s "$home_mark" ]; then
        new=$folder/.home.$(unique)
        words=$({ unique >"$new"; } 2>&1) || {
            rm -f "$new"
            fail write "$words"
        }
        ln "$new" "$home_mark" 2>/dev/null || [ -s "$home_mark" ] || mv -f "$new" "$home_mark"
        rm -f "$new"
    fi
    say home "$(cat "$home_mark")"
}

# ports FILES: in hex, of sockets in the state that awk is given.
ports() {
    cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null |
        awk -v state="$2" '$2 ~ /:/ && (state == "" || $4 == state) { print substr($2, length($2) - 3) }' | sort -u | tr '\n' ' '
}

# What the daemon says of itself, as JSON.
status_of() {
    "$program" query -p "$1" --status --json 2>/dev/null
}

facts() {
    say system "$(uname -sm)"
    say uid "$uid"
    say name "$(uname -n)"
    say folder "$folder"
    # Where this host was reached: client's address and port, then ours.
    say reached "${SSH_CONNECTION:-}"
    if [ -f "$program" ]; then
        say version "$("$program" -v 2>/dev/null | head -n 1)"
    fi
    if is_alive; then
        say daemon "$pid $version $port $client_port $files"
        say status "$(status_of "$client_port")"
    fi
}

look() {
    mark_home
    facts
    say udp "$(ports udp '')"
    say tcp "$(ports tcp 0A)"
}

# --- start ---------------------------------------------------------------------------------------------------------------

# From stdin, and tried before it takes its name.
copy_program() {
    new=$folder/bin/.new.$(unique)
    trap 'rm -f "$new"' EXIT
    words=$({ cat >"$new"; } 2>&1) || fail write "$words"
    arrived=$(wc -c <"$new")
    [ "$arrived" -eq "$size" ] || fail cut "only $arrived of $size bytes of the program arrived"
    words=$({ chmod 700 "$new" && "$new" -v; } 2>&1) || fail run "$words"
    [ "$words" = "peermon $wanted_version" ] || fail run "$words"
    words=$(mv -f "$new" "$program" 2>&1) || fail write "$words"
}

# Whether the daemon that lives is the one that is wanted.
is_wanted() {
    [ "$version $port $client_port" = "$wanted_version $wanted_port $wanted_client_port" ]
}

# Who the daemon is, and with which key and machines it runs.
note() {
    is_own || fail write "$runtime belongs to somebody else"
    put "$record" "$pid $begun $(boot) $wanted_version $wanted_port $wanted_client_port $wanted_files"
}

start() {
    if [ "$size" -gt 0 ]; then
        copy_program
    fi
    put "$machines_file" "$machines"
    put "$key_file" "$key"
    chmod 600 "$key_file"
    did=started
    if is_alive; then
        if is_wanted; then
            did=kept
        else
            end_daemon
            did=replaced
            if [ "$client_port" != "$wanted_client_port" ]; then
                clear_runtime "$client_port"
            fi
        fi
    fi
    if [ $did = kept ]; then
        if [ "$files" != "$wanted_files" ]; then
            kill -HUP "$pid"
            note
        fi
    elif ! words=$("$program" daemon -u --detach -p "$wanted_port" -l "$wanted_client_port" 2>&1 </dev/null); then
        # Somebody else may just have started it, in the name of the same user.
        sleep 1
        if ! is_alive || ! is_wanted; then
            fail daemon "$words"
        fi
        did=kept
    else
        status=$(status_of "$wanted_client_port")
        pid=$(number pid)
        if [ -z "$pid" ]; then
            # It says why; a daemon that nobody can ask goes.
            words=$("$program" query -p "$wanted_client_port" --status 2>&1 >/dev/null)
            if is_own && read -r pid 2>/dev/null <"$runtime/$wanted_client_port.pid" && runs_ours; then
                kill -TERM "$pid"
            fi
            fail daemon "$words"
        fi
        begun=$(started "$pid")
        [ -n "$begun" ] || fail daemon 'the daemon ended at once'
        # Nobody could end a daemon that nobody knows.
        if ! (note); then
            kill -TERM "$pid"
            exit 1
        fi
    fi
    say "$did"
    say status "$(status_of "$wanted_client_port")"
}

# --- meet ----------------------------------------------------------------------------------------------------------------

# Until this host sees all members (lines of NAME,ADDRESS), for a while at most.
meet() {
    end=$(($(date +%s) + patience))
    while :; do
        missing=$(
            {
                "$program" query -p "$wanted_client_port" --all --output csv --fields name,address,state 2>/dev/null |
                    sed -n -e 's/,fresh$//p' -e 's/,late$//p'
                text "-- members --"
                text "$members"
            } | awk '$0 == "-- members --" { wanted = 1; next } wanted && !($0 in seen) { print } { seen[$0] }'
        )
        if [ -z "$missing" ] || [ "$(date +%s)" -ge "$end" ]; then
            break
        fi
        pause
    done
    if [ -n "$missing" ]; then
        text "$missing" | sed 's/^/peermon-net missing /'
    fi
    "$program" query -p "$wanted_client_port" --all --output table 2>/dev/null | sed 's/^/peermon-net table /'
}

# --- status, logs, down --------------------------------------------------------------------------------------------------

status() {
    facts
}

logs() {
    read_record || client_port=$wanted_client_port
    log=$runtime/$client_port.log
    if ! is_own || [ ! -f "$log" ]; then
        fail log "there is no $log"
    fi
    # What was written before the log grew long comes first. Whoever asked reads 4 MiB of it; a line that is cut is none of ours.
    cat "$log.old" "$log" 2>/dev/null | tail -n "$lines" | sed 's/^/peermon-net log /' | tail -c 3000000
}

# What a daemon that has ended leaves for whoever comes after it, unless another one is there now.
clear_runtime() {
    is_own || return 0
    if [ -n "$1" ] && ! "$program" query --socket "$runtime/$1.sock" --status >/dev/null 2>&1; then
        rm -f "$runtime/$1.sock" "$runtime/$1.lock" "$runtime/$1.pid" "$runtime/$1.log" "$runtime/$1.log.old"
    fi
    rm -f "$record"
    rmdir "$runtime" 2>/dev/null
}

down() {
    if is_alive; then
        end_daemon
        say ended
        clear_runtime "$client_port"
    elif read_record; then
        clear_runtime "$client_port"
    fi
    if [ "$purge" = yes ]; then
        rm -f "$program" "$key_file" "$machines_file" "$home_mark"
        rmdir "$folder/bin" "$folder/peermon" "$folder" "${folder%/net}" 2>/dev/null
    fi
}

"$act"
say 'done'
