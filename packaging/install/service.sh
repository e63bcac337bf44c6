# shellcheck shell=sh disable=SC2154
# The daemon of the machine: units, init script, start and stop. Read by install.sh.

# What systemd is asked by its own tools.
systemd_runs() {
    [ -d /run/systemd/system ] && has systemctl
}

# adapted FILE: which speaks of a package's folders, with the folders of this installation.
adapted() {
    case $settings in
    /etc/peermon) said= ;;
    *) said="Environment=PEERMON_CONFIG_DIR=$settings" ;;
    esac
    path=$binaries:
    [ "$binaries" != /usr/bin ] || path=
    sed "s|/usr/bin/peermon|$peermon|g; s|/etc/peermon|$settings|g; s|^PATH=/usr/sbin:|PATH=$path/usr/sbin:|" "$1" |
        awk -v said="$said" '
            { print }
            said && $0 == "[Service]" { print said }
            # A table of cron jobs has its environment at the head.
            said && /^PATH=.*:\/bin$/ && FNR < 10 { sub(/^Environment=/, "", said); print said }
        '
}

# install_adapted MODE SOURCE TARGET
install_adapted() {
    make_folder "$(dirname "$3")"
    adapted "$2" | install_text "$1" "$3"
}

install_services() {
    for file in "$source_folder"/packaging/systemd/*.*; do
        install_adapted 644 "$file" "$units/${file##*/}"
    done
    for file in "$source_folder"/packaging/sysusers.d/*.conf; do
        install_file 644 "$file" "$prefix/lib/sysusers.d/${file##*/}"
    done
    # What an administrator may want is at hand.
    for file in "$source_folder"/packaging/cron/* "$source_folder"/packaging/dns/*; do
        [ ! -f "$file" ] || install_adapted 644 "$file" "$prefix/share/peermon/examples/${file##*/}"
    done
    # An image may be started by either.
    if [ -n "$root" ] || ! systemd_runs; then
        install_adapted 755 "$source_folder/packaging/sysv/peermon" "$init_script"
        [ "$cron" = no ] || install_adapted 644 "$source_folder/packaging/cron/peermon-health" "$health_check"
    fi
}

# At each start of the machine.
enable_service() {
    if systemd_runs; then
        run systemctl daemon-reload
        run systemctl enable --quiet peermon.service
    elif has update-rc.d; then
        run update-rc.d peermon defaults
    elif has chkconfig; then
        run chkconfig --add peermon
    elif has rc-update; then
        run rc-update -q add peermon default
    elif [ -d /etc/rc2.d ]; then
        for level in 2 3 4 5; do
            [ -e "/etc/rc$level.d/S99peermon" ] || run ln -s ../init.d/peermon "/etc/rc$level.d/S99peermon"
        done
    else
        say "nothing here starts init scripts: let your system run '$init_script start' when it comes up"
    fi
}

disable_service() {
    if systemd_runs; then
        sed -n "s|^$units/||p" "$root$manifest" | grep -E '\.(service|timer|socket)$' | while IFS= read -r file; do
            run systemctl disable --now --quiet "$file" || true
        done
    elif has update-rc.d; then
        run update-rc.d -f peermon remove
    elif has chkconfig; then
        run chkconfig --del peermon
    elif has rc-update; then
        run rc-update -q del peermon default
    else
        run rm -f /etc/rc[0-6].d/[KS]??peermon
    fi
}

# Processes of the machine's own daemon, however it was started: not those of users who run private ones with our executable,
# nor those of containers.
daemon_processes() {
    uid=$(id -u peermon 2>/dev/null) || return 0
    ours=$(readlink /proc/self/ns/pid)
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
        "$peermon" | "$peermon (deleted)") ;;
        *) continue ;;
        esac
        if grep -Eqs "^Uid:[[:space:]]${uid}[[:space:]]" "$process/status" && [ "$(readlink "$process/ns/pid")" = "$ours" ]; then
            printf '%s\n' "${process##*/}"
        fi
    done
}

# Also one that another way of starting it left behind.
stop_daemon() {
    if systemd_runs && [ -f "$root$units/peermon.service" ]; then
        run systemctl stop peermon.service || true
    elif [ -x "$init_script" ]; then
        run "$init_script" stop || true
    fi
    for process in $(daemon_processes); do
        would "kill $process" || end_process "$process"
    done
}

# Why it does not start is said by systemd to the journal, by the init script to us.
start_daemon() {
    if systemd_runs; then
        run systemctl restart peermon.service
    else
        run "$init_script" start
    fi
}

# restart_daemon: and says whether it answers. The files are there already, so the time without one is short.
restart_daemon() {
    stop_daemon
    start_daemon && { [ "$dry_run" = yes ] || answers "$ANSWER_SECONDS"; }
}

# The program of before comes back where the new one does not serve.
go_back() {
    [ -f "$before" ] || return 1
    mv -f "$before" "$peermon"
    restart_daemon
}

why_not() {
    if systemd_runs; then
        journalctl --unit peermon --lines 3 --output cat --no-pager >&2 2>/dev/null || true
        hint="journalctl -u peermon -n 20 says why; then ./install.sh again"
    else
        hint="$peermon daemon, in the foreground, says why; then ./install.sh again"
    fi
}

# Only where something changed, or it does not run: who installs twice disturbs nobody.
bring_up() {
    if [ ! -f "$unfinished" ] && [ "$dry_run" = no ] && answers 1; then
        return
    fi
    would "# only if something above changes, or the daemon does not answer:" || true
    if ! require_settings; then
        [ ! -f "$before" ] || mv -f "$before" "$peermon"
        fail 2 "the settings in $settings cannot be used (see above); nothing was stopped" "mend that, then ./install.sh again"
    fi
    if ! restart_daemon; then
        why_not
        ! go_back || fail 1 "the new daemon does not answer; the one of before runs again" "$hint"
        fail 1 "the daemon does not answer (tried $peermon query --status)" "$hint"
    fi
    run rm -f "$before" "$unfinished"
}
