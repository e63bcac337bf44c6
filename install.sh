#!/bin/sh
# Installs peermon. See usage below, or ./install.sh --help.
#
# Here are the options; the two stories are in packaging/install/user.sh and packaging/install/machine.sh, their steps beside them.
set -eu

# What the other files read.
# shellcheck disable=SC2034
{
    OLDEST_RUST=1.87
    DEFAULT_PORT=1288
    DEFAULT_CLIENT_PORT=1981
    # A daemon answers within a second; a loaded machine takes longer.
    ANSWER_SECONDS=15
    # TERM ends a daemon within a second.
    STOP_SECONDS=10
    # Hosts know each other within a second or two of starting.
    MEET_SECONDS=6
    # Room for all but the executable: man pages, completions, and what a file system needs for them.
    ROOM_KIB=1024
    SETTINGS_KIB=64
}

usage() {
    cat <<'END'
usage: sudo ./install.sh [OPTIONS]                  build, install for the whole machine, start the daemon; again: upgrade
       sudo ./install.sh --uninstall [--purge]      take it away again; --purge: settings, key and user too
       ./install.sh --user [--join HOST[:PORT]]…    for you alone: below ~/.local, a private daemon, no root needed
       ./install.sh --uninstall --user              take that away; key and settings stay

the network
  --join HOST[:PORT]   join the network that a daemon on another machine is in; may be given several times
  --key-file FILE      close the network with the key in FILE, the same on all machines
  --new-key            close the network with a new key, and print what to type on the other machines

for the whole machine
  --port PORT          UDP port of the gossip, and the one above it (1288)
  --client-port PORT   TCP port for clients on this machine (1981)
  --interval SECS      seconds between two reports of this machine (20)
  --collector          use the data, offer no resources
  --no-start           install and enable; start nothing, stop nothing
  --cron               without systemd: a health check once a minute
  --prefix DIR         instead of /usr/local
  --sysconfdir DIR     instead of /etc
  --destdir DIR        below DIR, as for an image or a package: makes no user, starts nothing, needs no root
  --dry-run            print each step, take none

environment
  PEERMON_BINARY       install this executable instead of building one
  CARGO_HOME, CARGO_TARGET_DIR, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_RUNTIME_DIR   as everywhere
END
}

source_folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ ! -d "$source_folder/packaging/install" ]; then
    printf 'install.sh: there is no folder packaging/install beside it (tried %s)\nhint: run it where the source of peermon lies\n' "$source_folder" >&2
    exit 1
fi
for part in common build files settings user accounts service machine; do
    # shellcheck source=/dev/null
    . "$source_folder/packaging/install/$part.sh"
done

# is_number TEXT LOWEST HIGHEST
is_number() {
    case $1 in
    '' | *[!0-9]* | 0?* | ??????*) return 1 ;;
    esac
    [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

# value_of OPTION: what it wants, if anything.
value_of() {
    case $1 in
    --join) echo "HOST or HOST:PORT" ;;
    --key-file) echo FILE ;;
    --port | --client-port) echo PORT ;;
    --interval) echo SECS ;;
    --prefix | --sysconfdir | --destdir) echo DIR ;;
    esac
}

require_port() {
    is_number "$2" 1 65534 || fail 2 "$1 wants a port, not '$2'" "./install.sh $1 2288"
}

require_folder() {
    case $2 in
    # Written into units and scripts as it is.
    *[!A-Za-z0-9/._+-]* | */../* | */..) ;;
    /?*) return ;;
    esac
    fail 2 "$1 wants an absolute path of plain characters, not '$2'" "./install.sh $1 /opt/peermon"
}

# What a user's installation has no use for.
refuse_for_user() {
    [ -z "$machine_option" ] || fail 2 "$machine_option is for the whole machine, not for --user" "./install.sh --help lists what goes with --user"
}

# Each sets what the stories read.
# shellcheck disable=SC2034
read_options() {
    user=no uninstall=no purge=no dry_run=no start=yes cron=no collector=no new_key=no
    joins='' key_file='' wanted_port='' wanted_client_port='' interval=''
    root='' destdir='' prefix=/usr/local sysconfdir=/etc
    machine_option=''
    while [ $# -gt 0 ]; do
        case $1 in
        --*=*)
            option=${1%%=*}
            value=${1#*=}
            shift
            set -- "$option" "$value" "$@"
            is_split=yes
            ;;
        *) is_split=no ;;
        esac
        wants=$(value_of "$1")
        case $wants in
        ?*) [ $# -ge 2 ] || fail 2 "$1 wants $wants" "./install.sh --help lists what each option wants" ;;
        *) [ $is_split = no ] || fail 2 "$1 takes no value" "./install.sh --help lists what each option wants" ;;
        esac
        case $1 in
        --user | --uninstall | --join | -h | --help) ;;
        *) machine_option=$1 ;;
        esac
        case $1 in
        --user) user=yes ;;
        --uninstall) uninstall=yes ;;
        --purge) purge=yes ;;
        --new-key) new_key=yes ;;
        --collector) collector=yes ;;
        --no-start) start=no ;;
        --cron) cron=yes ;;
        --dry-run) dry_run=yes ;;
        --join)
            case $2 in
            '' | -* | *[!][A-Za-z0-9.:_-]*) fail 2 "not a host: '$2'" "./install.sh --join node1:$DEFAULT_PORT" ;;
            *:*:*) ;;
            *:*) is_number "${2##*:}" 1 65534 || fail 2 "--join: '${2##*:}' is not a port" "./install.sh --join ${2%:*}:$DEFAULT_PORT" ;;
            esac
            joins="$joins$2
"
            shift
            ;;
        --key-file)
            key_file=$2
            shift
            ;;
        --port)
            require_port "$1" "$2"
            wanted_port=$2
            shift
            ;;
        --client-port)
            require_port "$1" "$2"
            wanted_client_port=$2
            shift
            ;;
        --interval)
            printf '%s\n' "$2" | awk '!/^(0|[1-9][0-9]*)(\.[0-9]+)?$/ || $1 < 0.2 || $1 > 300 { exit 1 }' ||
                fail 2 "--interval wants 0.2 to 300 seconds, not '$2'" "./install.sh --interval 20"
            interval=$2
            shift
            ;;
        --prefix)
            require_folder "$1" "$2"
            prefix=${2%/}
            shift
            ;;
        --sysconfdir)
            require_folder "$1" "$2"
            sysconfdir=${2%/}
            shift
            ;;
        --destdir)
            case $2 in
            /?*) ;;
            *) fail 2 "--destdir wants an absolute path, not '$2'" "./install.sh --destdir /tmp/image" ;;
            esac
            destdir=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail 2 "unknown option '$1'" "./install.sh --help lists them" ;;
        esac
        shift
    done
    if [ -n "$key_file" ] && [ $new_key = yes ]; then
        fail 2 "--key-file and --new-key: one of them" "--new-key on the first machine, --key-file on the others"
    fi
    if [ $purge = yes ] && [ $uninstall = no ]; then
        fail 2 "--purge goes with --uninstall" "sudo ./install.sh --uninstall --purge"
    fi
}

main() {
    read_options "$@"
    # What this shell is told to ask is not what is installed here.
    unset PEERMON_SOCKET PEERMON_CLIENT_PORT PEERMON_CONFIG_DIR
    case $user-$uninstall in
    yes-no)
        refuse_for_user
        install_user
        ;;
    yes-yes)
        refuse_for_user
        uninstall_user
        ;;
    no-no) install_machine ;;
    no-yes) uninstall_machine ;;
    esac
}

main "$@"
