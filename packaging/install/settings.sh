# shellcheck shell=sh disable=SC2154
# peermon.toml and machines.txt: what they say, and saying more. Read by install.sh.

# setting SECTION KEY: its value in the settings, without quotes, or nothing. Reads `[section]` with `key =`, and `section.key =`.
setting() {
    [ -f "$root$settings_file" ] || return 0
    awk -v section="$1" -v key="$2" '
        { line = $0; sub(/#.*/, "", line); gsub(/[ \t"'\'']/, "", line) }
        line ~ /^\[/ { current = line; next }
        current == "[" section "]" && index(line, key "=") == 1 ||
        current == "" && index(line, section "." key "=") == 1 { sub(/^[^=]*=/, "", line); print line; exit }
    ' "$root$settings_file"
}

# set_setting SECTION KEY VALUE: in the place of another value, below the head of its section, or in a new one.
set_setting() {
    [ "$(setting "$1" "$2")" != "$3" ] || return 0
    would "$root$settings_file: [$1] $2 = $3" && return 0
    changing
    awk -v section="$1" -v key="$2" -v value="$3" '
        { lines[NR] = $0; line = $0; sub(/#.*/, "", line); gsub(/[ \t"'\'']/, "", line) }
        line ~ /^\[/ { current = line }
        current == "[" section "]" && line ~ /^\[/ { head = NR }
        current == "[" section "]" && index(line, key "=") == 1 { old = NR }
        current == "" && index(line, section ".") == 1 { dotted = NR }
        current == "" && index(line, section "." key "=") == 1 { old = NR; key = section "." key }
        END {
            said = key " = " value
            # A table that is written with dots may not have a section as well.
            if (!old && dotted) print section "." said
            for (i = 1; i <= NR; i++) {
                print i == old ? said : lines[i]
                if (!old && !dotted && i == head) print said
            }
            if (!old && !dotted && !head) printf "\n[%s]\n%s\n", section, said
        }
    ' "$root$settings_file" | rewrite "$settings_file"
}

# rewrite FILE: with stdin. A file that is a symlink (into a folder of dotfiles) stays one, and keeps its mode.
rewrite() {
    file=$1
    [ ! -L "$root$1" ] || file=$(readlink -f "$root$1")
    put "$(mode_of "$root$file")" "$file"
}

# add_machine HOST: one to start from.
add_machine() {
    ! grep -qxF -e "$1" "$root$machines_file" 2>/dev/null || return 0
    would "$root$machines_file: $1" && return 0
    changing
    { awk 1 "$root$machines_file" && printf '%s\n' "$1"; } | rewrite "$machines_file"
}

# add_machines HOSTS: one a line.
add_machines() {
    for host in $1; do
        add_machine "$host"
    done
}
