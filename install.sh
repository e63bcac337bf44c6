#!/bin/sh
# Installs peermon. See usage below, or ./install.sh --help.
#
# Read from the bottom: main, install_user and uninstall_user tell the story, what is above are their steps.
set -eu

OLDEST_RUST=1.87
DEFAULT_PORT=1288
DEFAULT_CLIENT_PORT=1981
# A daemon answers within a second; a loaded machine takes longer.
ANSWER_SECONDS=15
# TERM ends a daemon within a second.
STOP_SECONDS=10
# Hosts know each other within a second or two of starting.
MEET_SECONDS=6

usage() {
    cat <<'END'
usage: ./install.sh --user [--join HOST[:PORT]]   build, install under ~/.local, start a private daemon; again: upgrade
       ./install.sh --uninstall --user            take it away again; key and settings stay

  --join HOST[:PORT]   join the network that a daemon on another machine is in

environment
  PEERMON_BINARY       install this executable instead of building one
  CARGO_HOME, CARGO_TARGET_DIR, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_RUNTIME_DIR   as everywhere
END
}

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

# xdg VALUE DEFAULT: the XDG standard has relative values ignored.
xdg() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$2" ;;
    esac
}

# --- Rust and the executable -------------------------------------------------------------------------------------

# version_at_least HAVE WANTED, both MAJOR.MINOR[…]
version_at_least() {
    have_major=${1%%.*}
    have_minor=${1#*.}
    have_minor=${have_minor%%.*}
    [ "$have_major" -gt "${2%%.*}" ] || { [ "$have_major" = "${2%%.*}" ] && [ "$have_minor" -ge "${2#*.}" ]; }
}

require_rust() {
    if ! has cargo || ! has rustc; then
        # rustup puts them there, and only a new login has the folder in its PATH.
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    get_rust="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh, then ./install.sh again"
    if ! has cargo || ! has rustc; then
        fail 1 "Rust $OLDEST_RUST or newer is needed to build (no cargo and rustc in PATH or ${CARGO_HOME:-$HOME/.cargo}/bin)" "$get_rust"
    fi
    found=$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9][0-9]*\.[0-9][0-9]*[^ ]*\).*/\1/p')
    if [ -z "$found" ]; then
        fail 1 "rustc does not run (tried $(command -v rustc) --version)" "rustup default stable, or $get_rust"
    fi
    if ! version_at_least "$found" "$OLDEST_RUST"; then
        if has rustup; then
            get_rust="rustup update stable && rustup default stable, then ./install.sh again"
        fi
        fail 1 "Rust $OLDEST_RUST or newer is needed to build (found $found, $(command -v rustc))" "$get_rust"
    fi
    if ! has cc; then
        fail 1 "a C compiler is needed to link (no cc in PATH)" "apt-get install gcc libc6-dev, or what your system calls them"
    fi
}

# Sets $built.
build() {
    if [ -n "${PEERMON_BINARY:-}" ]; then
        if [ ! -f "$PEERMON_BINARY" ] || [ ! -x "$PEERMON_BINARY" ]; then
            fail 1 "no executable to install (tried PEERMON_BINARY=$PEERMON_BINARY)" "unset PEERMON_BINARY to build one"
        fi
        built=$PEERMON_BINARY
        return
    fi
    require_rust
    say "building peermon; the first time takes a minute or two"
    (cd "$source_folder" && cargo build --release --locked --bin peermon) ||
        fail 1 "cargo build --release --locked failed (see above)" "without a network, run cargo fetch --locked where there is one and bring CARGO_HOME"
    # Cargo knows where it builds, whether an environment variable or a configuration file says so.
    target_folder=$(cd "$source_folder" && cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    built=$target_folder/release/peermon
    [ -x "$built" ] || fail 1 "the build left no executable (tried $built)" "unset CARGO_BUILD_TARGET, and try again"
}

# --- Files -------------------------------------------------------------------------------------------------------

set_folders() {
    [ -n "${HOME:-}" ] || fail 2 "HOME is not set" "HOME=/home/you ./install.sh --user"
    binaries=$HOME/.local/bin
    data=$(xdg "${XDG_DATA_HOME:-}" "$HOME/.local/share")
    config=$(xdg "${XDG_CONFIG_HOME:-}" "$HOME/.config")
    settings=$config/peermon
    unit=$data/systemd/user/peermon.service
    manifest=$data/peermon/installed
    peermon=$binaries/peermon
    settings_file=$settings/peermon.toml
    machines_file=$settings/machines.txt
}

is_ours() {
    grep -qxF -e "$1" "$manifest" 2>/dev/null
}

# note_installed FILE: written before the file is, so that uninstalling finds it whatever happens. Folders end with a slash.
note_installed() {
    is_ours "$1" || printf '%s\n' "$1" >>"$manifest"
}

# make_folder FOLDER: with those above it. What was there before is not ours to take away.
make_folder() {
    [ ! -d "$1" ] || return 0
    make_folder "$(dirname "$1")"
    mkdir "$1"
    [ ! -f "$manifest" ] || note_installed "$1/"
}

# Takes a name for us, unless a file of somebody else has it.
claim() {
    if ! is_ours "$1" && { [ -e "$1" ] || [ -L "$1" ]; }; then
        fail 1 "$1 exists and is not ours" "move it away, then ./install.sh again"
    fi
    note_installed "$1"
}

# install_file MODE SOURCE TARGET: in one step, so that a running program or a reader keeps the old file whole.
install_file() {
    make_folder "$(dirname "$3")"
    claim "$3"
    cp "$2" "$3.new.$$"
    chmod "$1" "$3.new.$$"
    mv -f "$3.new.$$" "$3"
}

install_link() {
    claim "$1"
    ln -sfn peermon "$1"
}

install_files() {
    begin_manifest
    install_file 755 "$built" "$peermon"
    install_link "$binaries/smarterSSH"
    install_link "$binaries/autoMPIgen"
    for page in "$source_folder"/packaging/man/*.1; do
        [ ! -f "$page" ] || install_file 644 "$page" "$data/man/man1/${page##*/}"
    done
    for completion in "$source_folder"/completions/*; do
        name=${completion##*/}
        case $name in
        *.bash) install_file 644 "$completion" "$data/bash-completion/completions/$name" ;;
        *.fish) install_file 644 "$completion" "$data/fish/vendor_completions.d/$name" ;;
        _*) install_file 644 "$completion" "$data/zsh/site-functions/$name" ;;
        esac
    done
    "$peermon" --version >/dev/null || fail 1 "the installed program does not run (tried $peermon --version)" "is $binaries mounted noexec?"
}

# The list of what is ours begins with the folders that it lies in.
begin_manifest() {
    [ ! -f "$manifest" ] || return 0
    made=
    folder=$(dirname "$manifest")
    while [ ! -d "$folder" ]; do
        made="$folder/
$made"
        folder=$(dirname "$folder")
    done
    mkdir -p "$(dirname "$manifest")"
    printf '%s' "$made" >"$manifest"
}

# --- Settings ----------------------------------------------------------------------------------------------------

# setting SECTION KEY: its whole number in the user's settings, or nothing. Reads `[section]` with `key =`, and `section.key =`.
setting() {
    [ -f "$settings_file" ] || return 0
    awk -v section="$1" -v key="$2" '
        { line = $0; sub(/#.*/, "", line); gsub(/[ \t"'\'']/, "", line) }
        line ~ /^\[/ { current = line; next }
        current == "[" section "]" && index(line, key "=") == 1 ||
        current == "" && index(line, section "." key "=") == 1 { sub(/^[^=]*=/, "", line); print line; exit }
    ' "$settings_file"
}

# set_setting SECTION KEY VALUE: for a key that is not there yet.
set_setting() {
    mkdir -p "$settings"
    [ -f "$settings_file" ] || printf '# Settings of your private peermon network; man peermon-daemon lists them all.\n' >"$settings_file"
    awk -v section="[$1]" -v line="$2 = $3" '
        { print; stripped = $0; gsub(/[ \t]/, "", stripped) }
        !done && index(stripped, section) == 1 { print line; done = 1 }
        END { if (!done) printf "\n%s\n%s\n", section, line }
    ' "$settings_file" >"$settings_file.new.$$"
    # cat, not mv: a settings file that is a symlink (into a dotfiles folder) stays one.
    cat "$settings_file.new.$$" >"$settings_file"
    rm -f "$settings_file.new.$$"
}

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

# By its TCP port, or by the socket of the host's own daemon, which stays within reach as long as ours has another number.
client_port_taken() {
    port_taken tcp "$1" || [ -S "/run/peermon/$1.sock" ]
}

# Sets $port and $client_port, and writes down what is not the user's own choice already. Nothing of ours runs now.
choose_ports() {
    port=$(setting gossip port)
    client_port=$(setting client port)
    # Three ports for each uid, below those that the kernel lends to outgoing connections (from 32768).
    own_ports=$((10000 + $(id -u) % 7000 * 3))
    if [ -z "$port" ]; then
        port=$DEFAULT_PORT
        if gossip_port_taken "$port"; then
            port=$own_ports
            say "port $DEFAULT_PORT is taken on this machine: this network uses $port"
        fi
        set_setting gossip port "$port"
    fi
    if [ -z "$client_port" ]; then
        client_port=$DEFAULT_CLIENT_PORT
        if client_port_taken "$client_port"; then
            client_port=$((own_ports + 2))
        fi
        set_setting client port "$client_port"
    fi
    if gossip_port_taken "$port"; then
        fail 2 "UDP port $port or the next is taken ($settings_file, [gossip] port)" "stop what uses it, or write another port there"
    fi
    if port_taken tcp "$client_port"; then
        fail 2 "TCP port $client_port is taken ($settings_file, [client] port)" "stop what uses it, or write another port there"
    fi
}

# A file without a host says that this one is the first; a missing one would be warned of at each start.
begin_machines() {
    mkdir -p "$settings"
    if [ ! -f "$machines_file" ]; then
        printf '# Hosts to start from, one a line: ADDRESS:PORT or NAME. A few that are usually up are enough.\n' >"$machines_file"
    fi
}

join() {
    grep -qxF -e "$1" "$machines_file" || printf '%s\n' "$1" >>"$machines_file"
}

# --- The daemon --------------------------------------------------------------------------------------------------

systemd_runs() {
    has systemctl && systemctl --user show-environment >/dev/null 2>&1
}

# The folder of a detached daemon, where it is ours and nobody else can write into it.
detached_folder() {
    folder=/tmp/peermon-$(id -u)
    if [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ]; then
        printf '%s\n' "$folder"
    fi
}

# Whether process PID is a living peermon. One that has ended and that nobody has waited for has no executable.
runs_peermon() {
    case $(readlink "/proc/$1/exe" 2>/dev/null) in
    */peermon | */peermon' (deleted)') return 0 ;;
    *) return 1 ;;
    esac
}

# Stops the daemon that an earlier ./install.sh started, in either way.
stop_daemon() {
    if [ -f "$unit" ] && systemd_runs; then
        systemctl --user stop peermon.service 2>/dev/null || true
    fi
    running=$(detached_folder)
    number=$(setting client port)
    pid_file=$running/${number:-$DEFAULT_CLIENT_PORT}.pid
    if [ -z "$running" ] || [ ! -f "$pid_file" ]; then
        return
    fi
    pid=$(cat "$pid_file")
    runs_peermon "$pid" || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    tries=$((STOP_SECONDS * 10))
    while runs_peermon "$pid"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail 1 "the running daemon does not end (sent TERM to process $pid)" "kill -9 $pid, then ./install.sh again"
        sleep 0.1
    done
}

# in_unit TEXT: as systemd reads it between double quotes.
in_unit() {
    printf '%s\n' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g'
}

# The unit file, with the executable and the config folder of this shell.
write_unit() {
    UNIT_PEERMON=$(in_unit "$peermon") UNIT_CONFIG=$(in_unit "$config") awk '
        function put(text, mark, value,    at) {
            at = index(text, mark)
            return at ? substr(text, 1, at - 1) value substr(text, at + length(mark)) : text
        }
        { print put(put($0, "@PEERMON@", ENVIRON["UNIT_PEERMON"]), "@CONFIG@", ENVIRON["UNIT_CONFIG"]) }
    ' "$source_folder/packaging/systemd/peermon-user.service"
}

start_daemon() {
    if systemd_runs; then
        make_folder "$(dirname "$unit")"
        claim "$unit"
        write_unit >"$unit.new.$$"
        mv -f "$unit.new.$$" "$unit"
        systemctl --user daemon-reload
        # By its path: the manager may have been started without the XDG folders of this shell.
        systemctl --user enable --quiet "$unit"
        systemctl --user restart peermon.service ||
            fail 1 "the daemon does not start (tried systemctl --user restart peermon)" "journalctl --user -u peermon -n 20"
    else
        "$peermon" daemon --user --detach || exit $?
    fi
    tries=$((ANSWER_SECONDS * 5))
    until "$peermon" query --status >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail 1 "the daemon does not answer within $ANSWER_SECONDS s (tried $peermon query --status)" "$peermon daemon --user, in the foreground, says what is wrong"
        sleep 0.2
    done
}

# What a detached daemon leaves for whoever comes after it.
remove_runtime_files() {
    running=$(detached_folder)
    [ -n "$running" ] || return 0
    number=$(setting client port)
    for kind in sock lock pid log log.old; do
        rm -f "$running/${number:-$DEFAULT_CLIENT_PORT}.$kind"
    done
    rmdir "$running" 2>/dev/null || true
}

# Until the table holds another host than this one.
meet() {
    tries=$((MEET_SECONDS * 5))
    until count=$("$peermon" query --all --count 2>/dev/null) && [ "$count" -ge 2 ]; do
        tries=$((tries - 1))
        if [ $tries -le 0 ]; then
            say "nobody has answered yet at $1; the daemon keeps trying"
            say "hint: does a daemon run there, with the same key, and do firewalls let UDP ports $port and $((port + 1)) pass?"
            return
        fi
        sleep 0.2
    done
}

# --- What is said at the end -------------------------------------------------------------------------------------

# The address that this host tells others; its name where it has none but loopback.
own_address() {
    address=$("$peermon" query --self --all --ip --output names 2>/dev/null || true)
    case $address in
    '' | 127.* | ::1) uname -n ;;
    *:*) printf '[%s]\n' "$address" ;;
    *) printf '%s\n' "$address" ;;
    esac
}

# quoted WORD: as a shell takes it for one word.
quoted() {
    case $1 in
    *[!A-Za-z0-9/._+:@%,=-]*) printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

next_steps() {
    key=$settings/gossip.key
    if [ -f "$key" ]; then
        printf '\nBring your key to the next machine first: %s\n' "$key"
    fi
    printf '\nOn the next machine, type:\n    ./install.sh --user --join %s:%s\n' "$(own_address)" "$port"
    if [ ! -f "$key" ]; then
        printf '\nAs yet everybody who can reach this machine can join. To close the network:\n'
        printf '    %s keygen %s\n    ./install.sh --user\nand copy that file to the other machines.\n' "$(quoted "$peermon")" "$(quoted "$key")"
    fi
    case :$PATH: in
    *":$binaries:"*) ;;
    *) printf '\nTo have peermon in your PATH:\n    %s\n' "export PATH=\"$binaries:\$PATH\"" ;;
    esac
    if systemd_runs; then
        if [ "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null)" = no ]; then
            printf '\nTo keep it running when you log out:\n    loginctl enable-linger\n'
        fi
    else
        elsewhere=
        [ "$config" = "$HOME/.config" ] || elsewhere="XDG_CONFIG_HOME=$(quoted "$config") "
        printf '\nAfter a reboot (or as @reboot line in crontab -e):\n'
        printf '    %s%s daemon --user --detach\n' "$elsewhere" "$(quoted "$peermon")"
    fi
}

# --- The two stories ---------------------------------------------------------------------------------------------

install_user() {
    build
    # A running daemon keeps the old executable until it ends.
    install_files
    stop_daemon
    choose_ports
    begin_machines
    [ -z "$join_target" ] || join "$join_target"
    start_daemon
    [ -z "$join_target" ] || meet "$join_target"
    # A host whose load is not known yet is in nobody's offer; the table shows it all the same.
    "$peermon" query --all --output table
    next_steps
}

uninstall_user() {
    if [ ! -f "$manifest" ]; then
        fail 1 "peermon is not installed for you (no $manifest)" "was it installed with another HOME or XDG_DATA_HOME?"
    fi
    if [ -f "$unit" ] && systemd_runs; then
        systemctl --user disable --now --quiet peermon.service 2>/dev/null || true
    fi
    stop_daemon
    remove_runtime_files
    # Folders come after what is in them; those that hold something of others stay.
    folders=$(sed -n 's|/$||p' "$manifest" | sort -r)
    while IFS= read -r file; do
        case $file in
        */) ;;
        *) rm -f "$file" ;;
        esac
    done <"$manifest"
    rm -f "$manifest"
    printf '%s\n' "$folders" | while IFS= read -r folder; do
        rmdir "$folder" 2>/dev/null || true
    done
    if systemd_runs; then
        systemctl --user daemon-reload
    fi
    if [ -d "$settings" ]; then
        say "peermon is gone; your key and settings stay in $settings"
    else
        say "peermon is gone"
    fi
}

main() {
    source_folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    # What this shell is told to ask is not what is installed here.
    unset PEERMON_SOCKET PEERMON_CLIENT_PORT
    user=no
    uninstall=no
    join_target=
    while [ $# -gt 0 ]; do
        case $1 in
        --user) user=yes ;;
        --uninstall) uninstall=yes ;;
        --join)
            [ $# -ge 2 ] || fail 2 "--join wants HOST or HOST:PORT" "./install.sh --user --join node1:$DEFAULT_PORT"
            shift
            join_target=$1
            ;;
        --join=*) join_target=${1#--join=} ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail 2 "unknown option '$1'" "./install.sh --help lists them" ;;
        esac
        shift
    done
    case $join_target in
    -* | *[!][A-Za-z0-9.:_-]*) fail 2 "not a host: '$join_target'" "./install.sh --user --join node1:$DEFAULT_PORT" ;;
    esac
    if [ $user = no ]; then
        fail 2 "installing for the whole machine comes later" "./install.sh --user installs for you alone, and needs no root"
    fi
    set_folders
    if [ $uninstall = yes ]; then
        uninstall_user
    else
        install_user
    fi
}

main "$@"
