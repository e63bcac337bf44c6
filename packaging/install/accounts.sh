# shellcheck shell=sh disable=SC2154
# Users and groups of the machine. Read by install.sh; which ones there are stands in packaging/sysusers.d.

# each_account COMMAND…: calls it with NAME COMMENT.
each_account() {
    for file in "$source_folder"/packaging/sysusers.d/*.conf; do
        while read -r kind name _ comment; do
            [ "$kind" != u ] || "$@" "$name" "$(printf '%s\n' "$comment" | tr -d '"')"
        done <"$file"
    done
}

# entry passwd|group NAME: its line, from wherever the machine has its users.
entry() {
    if has getent; then
        getent "$1" "$2"
    else
        grep "^$2:" "/etc/$1"
    fi
}

# make_account NAME COMMENT: a user that nobody logs in as, and its group. With what the system has: shadow's tools, or busybox'.
make_account() {
    if ! entry group "$1" >/dev/null; then
        if has groupadd; then
            run groupadd --system "$1"
        else
            run addgroup -S "$1"
        fi || fail 1 "cannot make group $1" "make group and user $1 as your directory service wants it, then ./install.sh again"
    fi
    if ! entry passwd "$1" >/dev/null; then
        if has useradd; then
            run useradd --system --gid "$1" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --comment "$2" "$1"
        else
            run adduser -S -D -H -h /nonexistent -s /sbin/nologin -G "$1" -g "$2" "$1"
        fi || fail 1 "cannot make user $1" "make user $1, of group $1, as your directory service wants it, then ./install.sh again"
    elif [ "$(id -gn "$1")" != "$1" ] && has usermod; then
        # adduser --system peermon, as the old manual had it, gives the group nogroup.
        run usermod --gid "$1" "$1"
    fi
}

# remove_account NAME COMMENT: if it is one that we made.
remove_account() {
    if [ "$(entry passwd "$1" | cut -d: -f5 | cut -d, -f1)" != "$2" ]; then
        return 0
    fi
    if has userdel; then
        # The group of the same name goes with it.
        run userdel "$1"
    else
        run deluser "$1"
    fi
    if entry group "$1" >/dev/null; then
        if has groupdel; then
            run groupdel "$1"
        else
            run delgroup "$1"
        fi
    fi
}
