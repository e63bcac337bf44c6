# shellcheck shell=sh disable=SC2154
# Words, questions to the system, and waiting. Read by install.sh.

# fail CODE MESSAGE HINT: codes as of peermon itself (1 failure, 2 usage or configuration).
fail() {
    printf 'install.sh: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

say() {
    printf '%s\n' "$*" >&2
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# would WORDS: in a dry run says what would be done, and is true.
would() {
    [ "$dry_run" = yes ] || return 1
    printf '%s\n' "$*"
}

# done_or_not SENTENCE: how it ended, or would end.
done_or_not() {
    if [ "$dry_run" = yes ]; then
        say "(nothing was done; it would end with: $1)"
    else
        say "$1"
    fi
}

# run COMMAND…: or says it, in a dry run.
run() {
    would "$*" || "$@"
}

# xdg VALUE DEFAULT: the XDG standard has relative values ignored.
xdg() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$2" ;;
    esac
}

# quoted WORD: as a shell takes it for one word.
quoted() {
    case $1 in
    *[!A-Za-z0-9/._+:@%,=-]*) printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# --- Ports -------------------------------------------------------------------------------------------------------

# port_taken udp|tcp PORT: bound or listening, by anybody, as the kernel says.
port_taken() {
    hex=$(printf '%04X' "$2")
    for table in "/proc/net/$1" "/proc/net/${1}6"; do
        [ -r "$table" ] || continue
        # 0A is a listening TCP socket; every UDP line is a bound one.
        awk -v port=":$hex" -v tcp="$1" '
            NR > 1 && substr($2, length($2) - 4) == port && (tcp != "tcp" || $4 == "0A") { found = 1 }
            END { exit !found }
        ' "$table" && return 0
    done
    return 1
}

gossip_port_taken() {
    port_taken udp "$1" || port_taken udp "$(($1 + 1))"
}

# --- The daemon, whoever runs it ---------------------------------------------------------------------------------

# Whether process PID is a living peermon. One that has ended and that nobody has waited for has no executable.
runs_peermon() {
    case $(readlink "/proc/$1/exe" 2>/dev/null) in
    */peermon | */peermon' (deleted)') return 0 ;;
    *) return 1 ;;
    esac
}

# is_there PID: until it has given back all that it had. It has no executable any more a moment before it closes its ports.
is_there() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | grep -q '^[^ZX]'
}

# end_process PID: politely, and waits.
end_process() {
    runs_peermon "$1" || return 0
    kill -TERM "$1" 2>/dev/null || return 0
    tries=$((STOP_SECONDS * 10))
    while is_there "$1"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail 1 "the running daemon does not end (sent TERM to process $1)" "kill -9 $1, then ./install.sh again"
        sleep 0.1
    done
}

# answers SECONDS: whether the daemon does, within that time.
answers() {
    tries=$(($1 * 5))
    until "$peermon" query --status >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.2
    done
}

# unknown_names HOSTS: those that lead to no address, as far as this system can be asked.
unknown_names() {
    has getent || return 0
    for host in $1; do
        case $host in
        *:*:* | \[*) continue ;;
        esac
        getent ahosts "${host%:*}" >/dev/null || printf '%s\n' "${host%:*}"
    done | paste -s -d ' ' -
}

# meet HOSTS: until the table holds another host than this one.
meet() {
    tries=$((MEET_SECONDS * 5))
    until count=$("$peermon" query --all --count 2>/dev/null) && [ "$count" -ge 2 ]; do
        tries=$((tries - 1))
        if [ $tries -le 0 ]; then
            say "nobody has answered yet at $(echo "$1" | paste -s -d ' ' -); the daemon keeps trying"
            unknown=$(unknown_names "$1")
            if [ -n "$unknown" ]; then
                say "hint: no address is known for $unknown: is that spelled right? getent hosts $unknown"
            else
                say "hint: does a daemon run there, with the same key, and do firewalls let UDP ports $port and $((port + 1)) pass?"
            fi
            return
        fi
        sleep 0.2
    done
}

# The address that this host tells others; its name where it has none but loopback.
own_address() {
    address=$("$peermon" query --self --all --ip --output names 2>/dev/null || true)
    case $address in
    '' | 127.* | ::1) uname -n ;;
    *:*) printf '[%s]\n' "$address" ;;
    *) printf '%s\n' "$address" ;;
    esac
}
