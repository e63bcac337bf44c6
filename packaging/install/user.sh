# shellcheck shell=sh disable=SC2154,SC2034
# The private network of one user: ./install.sh --user. Read by install.sh; read it from the bottom.

set_user_folders() {
    [ -n "${HOME:-}" ] || fail 2 "HOME is not set" "HOME=/home/you ./install.sh --user"
    prefix=$HOME/.local
    binaries=$prefix/bin
    data=$(xdg "${XDG_DATA_HOME:-}" "$HOME/.local/share")
    config=$(xdg "${XDG_CONFIG_HOME:-}" "$HOME/.config")
    settings=$config/peermon
    unit=$data/systemd/user/peermon.service
    manifest=$data/peermon/installed
    peermon=$binaries/peermon
    settings_file=$settings/peermon.toml
    machines_file=$settings/machines.txt
    # The daemon is restarted each time.
    unfinished=
}

# Files that say nothing but what can be said; without hosts this one is the first. A missing one would be warned of at each start.
begin_settings() {
    mkdir -p "$settings"
    if [ ! -f "$settings_file" ]; then
        printf '# Settings of your private peermon network; man peermon-daemon lists them all.\n' | put 644 "$settings_file"
    fi
    if [ ! -f "$machines_file" ]; then
        printf '# Hosts to start from, one a line: ADDRESS:PORT or NAME. A few that are usually up are enough.\n' |
            put 644 "$machines_file"
    fi
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

# --- The daemon --------------------------------------------------------------------------------------------------

user_systemd_runs() {
    has systemctl && systemctl --user show-environment >/dev/null 2>&1
}

# The folder of a detached daemon, where it is ours and nobody else can write into it.
detached_folder() {
    folder=/tmp/peermon-$(id -u)
    if [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ]; then
        printf '%s\n' "$folder"
    fi
}

# Stops the daemon that an earlier ./install.sh started, in either way.
stop_user_daemon() {
    if [ -f "$unit" ] && user_systemd_runs; then
        systemctl --user stop peermon.service 2>/dev/null || true
    fi
    running=$(detached_folder)
    number=$(setting client port)
    pid_file=$running/${number:-$DEFAULT_CLIENT_PORT}.pid
    if [ -n "$running" ] && [ -f "$pid_file" ]; then
        end_process "$(cat "$pid_file")"
    fi
}

# in_unit TEXT: as systemd reads it between double quotes.
in_unit() {
    printf '%s\n' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g'
}

# The unit file, with the executable and the config folder of this shell.
user_unit() {
    UNIT_PEERMON=$(in_unit "$peermon") UNIT_CONFIG=$(in_unit "$config") awk '
        function put(text, mark, value,    at) {
            at = index(text, mark)
            return at ? substr(text, 1, at - 1) value substr(text, at + length(mark)) : text
        }
        { print put(put($0, "@PEERMON@", ENVIRON["UNIT_PEERMON"]), "@CONFIG@", ENVIRON["UNIT_CONFIG"]) }
    ' "$source_folder/packaging/systemd/user/peermon.service"
}

start_user_daemon() {
    if user_systemd_runs; then
        user_unit | install_text 644 "$unit"
        systemctl --user daemon-reload
        # By its path: the manager may have been started without the XDG folders of this shell.
        systemctl --user enable --quiet "$unit"
        systemctl --user restart peermon.service ||
            fail 1 "the daemon does not start (tried systemctl --user restart peermon)" "journalctl --user -u peermon -n 20"
    else
        "$peermon" daemon --user --detach || exit $?
    fi
    answers "$ANSWER_SECONDS" ||
        fail 1 "the daemon does not answer within $ANSWER_SECONDS s (tried $peermon query --status)" "$peermon daemon --user, in the foreground, says what is wrong"
}

# What a detached daemon leaves for whoever comes after it.
remove_user_runtime_files() {
    running=$(detached_folder)
    [ -n "$running" ] || return 0
    number=$(setting client port)
    for kind in sock lock pid log log.old; do
        rm -f "$running/${number:-$DEFAULT_CLIENT_PORT}.$kind"
    done
    rmdir "$running" 2>/dev/null || true
}

# --- What is said at the end -------------------------------------------------------------------------------------

user_next_steps() {
    key=$settings/gossip.key
    if [ -f "$key" ]; then
        printf '\nBring your key to the next machine first: %s\n' "$key"
    fi
    printf '\nOn the next machine, type:\n    ./install.sh --user --join %s:%s\n' "$(own_address)" "$port"
    if [ ! -f "$key" ]; then
        printf '\nAs yet everybody who can reach this machine can join. To close the network:\n'
        printf '    %s keygen %s\n    ./install.sh --user\nand copy that file to the other machines.\n' "$(quoted "$peermon")" "$(quoted "$key")"
    fi
    case ${SHELL:-} in
    */zsh) printf '\nFor completions in zsh, in ~/.zshrc before compinit:\n    %s\n' "fpath=($(quoted "$data/zsh/site-functions") \$fpath)" ;;
    esac
    case :$PATH: in
    *":$binaries:"*) ;;
    *) printf '\nTo have peermon in your PATH:\n    %s\n' "export PATH=\"$binaries:\$PATH\"" ;;
    esac
    if user_systemd_runs; then
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
    set_user_folders
    build
    # A running daemon keeps the old executable until it ends.
    install_files
    install_python "$(python_folder own python3 /usr/bin/python3)"
    require_that_it_runs "$peermon" "is $binaries mounted noexec?"
    # The unit is there only where systemd is.
    remove_outdated "$unit"
    require_settings --user || fail 2 "the settings in $settings cannot be used (see above); nothing was stopped" "mend that, then ./install.sh --user again"
    stop_user_daemon
    begin_settings
    choose_ports
    add_machines "$joins"
    start_user_daemon
    [ -z "$joins" ] || meet "$joins"
    # A host whose load is not known yet is in nobody's offer; the table shows it all the same.
    "$peermon" query --all --output table
    user_next_steps
}

uninstall_user() {
    set_user_folders
    if [ ! -f "$manifest" ]; then
        fail 1 "peermon is not installed for you (no $manifest)" "was it installed with another HOME or XDG_DATA_HOME?"
    fi
    if [ -f "$unit" ] && user_systemd_runs; then
        systemctl --user disable --now --quiet peermon.service 2>/dev/null || true
    fi
    stop_user_daemon
    remove_user_runtime_files
    remove_files
    if user_systemd_runs; then
        systemctl --user daemon-reload
    fi
    if [ -d "$settings" ]; then
        say "peermon is gone; your key and settings stay in $settings"
    else
        say "peermon is gone"
    fi
}
