# shellcheck shell=sh disable=SC2154,SC2034
# peermon for the whole machine: ./install.sh. Read by install.sh; read it from the bottom.

set_machine_folders() {
    root=${destdir%/}
    binaries=$prefix/bin
    data=$prefix/share
    settings=$sysconfdir/peermon
    case $prefix in
    /usr | /usr/local) units=$prefix/lib/systemd/system ;;
    # systemd looks nowhere else.
    *) units=/etc/systemd/system ;;
    esac
    # Nor do init and cron.
    init_script=/etc/init.d/peermon
    health_check=/etc/cron.d/peermon-health
    manifest=$prefix/share/peermon/installed
    unfinished=$prefix/share/peermon/unfinished
    defaults=$prefix/share/peermon/defaults
    # Where the settings are: to take them away nobody need remember.
    folder_said=$prefix/share/peermon/sysconfdir
    peermon=$binaries/peermon
    before=$peermon.before
    settings_file=$settings/peermon.toml
    machines_file=$settings/machines.txt
    key=$settings/gossip.key
    export PEERMON_CONFIG_DIR="$settings"
}

# The socket of the machine's own daemon, whatever root's private settings say.
set_ports() {
    port=${wanted_port:-$(setting gossip port)}
    port=${port:-$DEFAULT_PORT}
    client_port=${wanted_client_port:-$(setting client port)}
    client_port=${client_port:-$DEFAULT_CLIENT_PORT}
    export PEERMON_SOCKET="/run/peermon/$client_port.sock"
}

# --- What must be right before anything is touched ---------------------------------------------------------------

require_root() {
    if [ -z "$root" ] && [ "$(id -u)" != 0 ] && [ "$dry_run" = no ]; then
        fail 2 "only root installs for the whole machine" "sudo ./install.sh; or ./install.sh --user for you alone, which needs no root"
    fi
}

is_packaged() {
    [ -z "$root" ] && { dpkg -s peermon 2>/dev/null | grep -q '^Status: .* installed$' || rpm -q peermon >/dev/null 2>&1; }
}

require_no_package() {
    if is_packaged; then
        fail 1 "peermon is installed here as a package" "upgrade that (apt install ./peermon_*.deb), or remove it first; settings and key stay"
    fi
}

# nearest FOLDER: the last one above it that is there.
nearest() {
    folder=$1
    while [ ! -d "$folder" ]; do
        folder=$(dirname "$folder")
    done
    printf '%s\n' "$folder"
}

require_writable() {
    for folder in "$root$prefix/bin" "$root$prefix/share/peermon" "$root$settings"; do
        folder=$(nearest "$folder")
        if [ ! -w "$folder" ] && [ "$dry_run" = no ]; then
            fail 1 "cannot write into $folder" "is it mounted read-only? --prefix and --sysconfdir name other folders"
        fi
    done
}

# require_room FOLDER KIB
require_room() {
    free=$(df -Pk "$(nearest "$1")" | awk 'NR == 2 { print $4 }')
    if [ "${free:-$2}" -lt "$2" ]; then
        fail 1 "no room in $1: $free KiB are free, $2 KiB are needed" "make room (df $(nearest "$1")), then ./install.sh again"
    fi
}

refuse_foreign_target() {
    refuse_foreign "$3"
}

require_ours() {
    built=
    each_file refuse_foreign_target
    for file in "$source_folder"/packaging/systemd/*.*; do
        refuse_foreign "$units/${file##*/}"
    done
    for file in "$source_folder"/packaging/sysusers.d/*.conf; do
        refuse_foreign "$prefix/lib/sysusers.d/${file##*/}"
    done
    [ "$cron" = no ] || refuse_foreign "$health_check"
    for file in "$binaries/smarterSSH" "$binaries/autoMPIgen" "$init_script"; do
        refuse_foreign "$file"
    done
}

# check_key FILE: one that nobody else could read, with keys in it.
check_key() {
    if [ ! -f "$1" ] || [ ! -r "$1" ]; then
        fail 1 "there is no key file $1, or none that can be read" "peermon keygen $(quoted "$1") makes one, and so does --new-key"
    fi
    keys_in "$1" | awk 'length($0) != 64 || /[^0-9a-fA-F]/ { bad = 1 } END { exit bad || NR < 1 || NR > 4 }' ||
        fail 1 "$1 holds no key" "a key file has one to four lines of 64 hex digits; peermon keygen FILE makes one"
    mode=$(mode_of "$1")
    case $mode in
    ?00) ;;
    *)
        # Group peermon reads the one that is installed.
        if [ "$1:$(stat -c %G "$1"):$mode" != "$root$key:peermon:640" ]; then
            fail 1 "$1 is open to others (mode $mode)" "chmod 600 $(quoted "$1"); if others were on this machine, make a new key"
        fi
        ;;
    esac
}

keys_in() {
    sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$1"
}

# One that shares no key with what is there would take this machine out of its network.
require_key_to_fit() {
    [ -f "$root$key" ] || return 0
    check_key "$root$key"
    [ -n "$key_file" ] || return 0
    for one in $(keys_in "$key_file"); do
        ! keys_in "$root$key" | grep -qixF -e "$one" || return 0
    done
    fail 1 "$root$key is there already, with another key" "to change keys without losing a host see docs/admin.md; rm $root$key leaves the network"
}

# Ports that our own daemon has are no obstacle.
require_ports() {
    [ "$start" = yes ] && [ -z "$root" ] || return 0
    [ -z "$(daemon_processes)" ] || return 0
    if gossip_port_taken "$port"; then
        fail 2 "UDP port $port or $((port + 1)) is taken" "see by whom: ss -ulpn; stop it, or take another port on all machines: ./install.sh --port 2288"
    fi
    if port_taken tcp "$client_port"; then
        fail 2 "TCP port $client_port is taken" "see by whom: ss -tlpn; stop it, or take another port: ./install.sh --client-port 2981"
    fi
}

# Where the machine's Python looks. That of an image is not known here: Debian's has one folder for all its versions, and a package
# moves it if need be.
machine_python_folder() {
    case $root:$prefix in
    :*)
        folder=$(python_folder all /usr/bin/python3 python3)
        [ -n "$folder" ] || return 0
        if [ ! -w "$(nearest "$folder")" ] && [ "$dry_run" = no ]; then
            say "peermonlib is left out: nothing can be written into $folder, where Python looks"
            return 0
        fi
        printf '%s\n' "$folder"
        ;;
    *:/usr) echo /usr/lib/python3/dist-packages ;;
    *) printf '%s\n' "$prefix/share/peermon/python" ;;
    esac
}

# --- Steps -------------------------------------------------------------------------------------------------------

# The last one that was known to serve, until the new one does.
keep_the_program_of_before() {
    if [ -z "$root" ] && [ -f "$peermon" ] && [ ! -f "$before" ] && ! cmp -s "$built" "$peermon"; then
        would "install -m 755 $peermon $before" && return 0
        changing
        note_installed "$before"
        put 755 "$before" <"$peermon"
    fi
}

# A file of the administrator's is never changed but by an option; when our default changes, the new one lies beside it.
install_defaults() {
    for file in "$source_folder"/packaging/etc/*; do
        name=${file##*/}
        fresh=$(adapted "$file")
        if [ -f "$root$defaults/$name" ] && [ "$fresh" = "$(cat "$root$defaults/$name")" ] && [ -f "$root$settings/$name" ]; then
            claim "$defaults/$name"
            continue
        fi
        if [ ! -e "$root$settings/$name" ]; then
            if ! would "write $root$settings/$name"; then
                changing
                printf '%s\n' "$fresh" | put 644 "$settings/$name"
            fi
        elif [ "$fresh" != "$(cat "$root$settings/$name")" ] && ! would "write $root$settings/$name.new"; then
            printf '%s\n' "$fresh" | put 644 "$settings/$name.new"
            say "$root$settings/$name stays as it is; the new default lies beside it as $name.new"
        fi
        install_text 644 "$defaults/$name" <<END
$fresh
END
    done
}

install_settings() {
    if [ ! -d "$root$settings" ]; then
        make_settings_folder
    fi
    install_defaults
    [ -z "$wanted_port" ] || set_setting gossip port "$wanted_port"
    [ -z "$wanted_client_port" ] || set_setting client port "$wanted_client_port"
    [ -z "$interval" ] || set_setting gossip interval "$interval"
    [ "$collector" = no ] || set_setting host collector true
    add_machines "$joins"
}

# Not in the manifest: it stays when peermon goes.
make_settings_folder() {
    make_folder "$(dirname "$settings")"
    would "mkdir $root$settings" || mkdir "$root$settings" || fail 1 "cannot make the folder $root$settings" "is the disk full, or read-only?"
}

# The key belongs to root, who lends it to the daemon: one that was broken into cannot replace it.
install_key() {
    if [ -n "$key_file" ]; then
        if ! cmp -s "$key_file" "$root$key" && ! would "install -m 640 -g peermon $key_file $root$key"; then
            changing
            put 600 "$key" <"$key_file"
        fi
    elif [ "$new_key" = yes ] && [ ! -f "$root$key" ] && ! would "$built keygen $root$key"; then
        changing
        text=$("$built" keygen -) || fail 1 "cannot make a key (tried $built keygen -)" "$built keygen - says why"
        printf '%s\n' "$text" | put 600 "$key"
    fi
    # As it was just made, or as root's peermon keygen makes it before there is the user. One that the daemon's user has stays so.
    if [ -z "$root" ] && [ -f "$key" ] && [ "$(stat -c %U:%a "$key")" = root:600 ]; then
        run chgrp peermon "$key"
        run chmod 640 "$key"
    fi
    if [ -n "$key_file" ] || [ "$new_key" = yes ]; then
        set_setting gossip require_key true
    fi
}

# --- What is said at the end -------------------------------------------------------------------------------------

next_steps() {
    case $prefix:${SHELL:-} in
    /usr/local:* | /usr:*) ;;
    *:*/zsh) printf '\nFor completions in zsh, in ~/.zshrc before compinit:\n    %s\n' "fpath=($data/zsh/site-functions \$fpath)" ;;
    esac
    first=$(own_address):$port
    options=
    [ "$port" = "$DEFAULT_PORT" ] || options=" --port $port"
    if [ -f "$key" ]; then
        printf '\nOn each other machine, type (k is this network'\''s key; nobody else may have it):\n'
        printf '    scp root@%s:%s k && sudo ./install.sh --join %s --key-file k%s && rm k\n' "${first%:*}" "$key" "$first" "$options"
    else
        printf '\nOn each other machine, type:\n    sudo ./install.sh --join %s%s\n' "$first" "$options"
        printf '\nThe network is open: whoever can reach this machine can join it and say anything. To close it, here:\n'
        printf '    sudo ./install.sh --new-key\n'
    fi
}

image_steps() {
    done_or_not "peermon is below $root; nothing was started, and no user was made"
    say "in the image: systemd-sysusers, or adduser --system --group peermon; then systemctl enable peermon"
    [ ! -f "$root$key" ] || say "and: chgrp peermon $key && chmod 640 $key"
}

# --- The two stories ---------------------------------------------------------------------------------------------

check_machine() {
    set_machine_folders
    require_root
    set_ports
    require_no_package
    require_ours
    require_writable
    [ -z "$key_file" ] || check_key "$key_file"
    require_key_to_fit
    require_ports
}

install_machine() {
    umask 022
    check_machine
    build
    if [ "$dry_run" = no ]; then
        require_room "$root$prefix" $(($(du -k "$built" | cut -f1) + ROOM_KIB))
        require_room "$root$settings" "$SETTINGS_KIB"
        [ -n "$root" ] || require_that_it_runs "$built" "is it of another architecture? build on this machine, or unset PEERMON_BINARY"
        [ -z "$root" ] || mkdir -p "$root"
    fi
    [ -n "$root" ] || each_account make_account
    begin_manifest
    make_folder "$(dirname "$folder_said")"
    printf '%s\n' "$sysconfdir" | install_text 644 "$folder_said"
    keep_the_program_of_before
    install_files
    install_python "$(machine_python_folder)"
    install_services
    install_settings
    install_key
    # An init script or a health check of before stays, whatever starts the daemon today; so does what goes with the program of before.
    remove_outdated "$init_script" "$health_check" "$before"
    if [ -n "$root" ]; then
        [ "$dry_run" = yes ] || rm -f "$root$unfinished"
        image_steps
        return
    fi
    enable_service
    if [ "$start" = no ]; then
        done_or_not "peermon is installed and starts with the machine; now: $(start_command)"
        return
    fi
    bring_up
    if [ "$dry_run" = no ]; then
        [ -z "$joins" ] || meet "$joins"
        # A host whose load is not known yet is in nobody's offer; the table shows it all the same.
        "$peermon" query --all --output table
        next_steps
    fi
}

start_command() {
    if systemd_runs; then
        echo "systemctl restart peermon"
    else
        echo "$init_script restart"
    fi
}

uninstall_machine() {
    set_machine_folders
    require_root
    set_ports
    said=$(cat "$root$folder_said" 2>/dev/null) || said=$sysconfdir
    if [ "$said" != "$sysconfdir" ]; then
        fail 2 "it was installed with --sysconfdir $said" "./install.sh --uninstall --sysconfdir $(quoted "$said"), with the other options as they are"
    fi
    if [ ! -f "$root$manifest" ] && is_packaged; then
        fail 1 "peermon is installed here as a package" "apt remove peermon, or apt purge peermon to take settings and key too; dnf remove peermon"
    fi
    if [ ! -f "$root$manifest" ] && { [ "$purge" = no ] || [ ! -d "$root$settings" ]; }; then
        fail 1 "peermon is not installed here (no $root$manifest)" "was it installed with another --prefix, or as a package (apt purge peermon)?"
    fi
    if [ -f "$root$manifest" ]; then
        if [ -z "$root" ]; then
            stop_daemon
            disable_service
            # Under each port that it ever had.
            run rm -f /run/peermon/[0-9]*.sock /run/peermon/[0-9]*.lock /run/peermon/[0-9]*.pid /run/peermon/[0-9]*.log /run/peermon/[0-9]*.log.old /run/peermon.stopped
            [ "$dry_run" = yes ] || rmdir /run/peermon 2>/dev/null || true
        fi
        [ "$purge" = no ] || run rm -rf "$root$settings"
        # What an interrupted installation may have left.
        run rm -f "$root$unfinished"
        remove_files
        if [ -z "$root" ] && systemd_runs; then
            run systemctl daemon-reload
        fi
    fi
    if [ "$purge" = yes ]; then
        run rm -rf "$root$settings"
        [ -n "$root" ] || each_account remove_account
        done_or_not "peermon is gone, with its settings and its key"
    else
        done_or_not "peermon is gone; key and settings stay in $root$settings (--purge takes them too)"
    fi
}
