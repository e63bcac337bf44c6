# shellcheck shell=sh disable=SC2154
# Putting files where they belong, and knowing which are ours. Read by install.sh.
#
# Paths are those of the machine that will run peermon; $root, which is empty without --destdir, comes before each. Every step
# does nothing where its work is done already, leaves a file old or new, and is written down before it is taken: so whatever
# interrupts an installation, the next one mends it, and uninstalling finds it.

# What is being written has this at the end of its name.
readonly UNFINISHED_NAME=.peermon-new

# Those that a dry run has said it would make.
said_folders=

# What this run has installed, or found as it should be: a file, since some steps run in a shell of their own.
claims=

mode_of() {
    stat -c %a "$1"
}

is_ours() {
    grep -qxF -e "$1" "$root$manifest" 2>/dev/null
}

# note_installed FILE: folders end with a slash.
note_installed() {
    [ "$dry_run" = no ] && [ -f "$root$manifest" ] || return 0
    is_ours "$1" || printf '%s\n' "$1" >>"$root$manifest"
}

# make_folder FOLDER: with those above it. What was there before is not ours to take away.
make_folder() {
    [ ! -d "$root$1" ] || return 0
    make_folder "$(dirname "$1")"
    if [ "$dry_run" = yes ]; then
        case $said_folders in
        *":$1:"*) ;;
        *)
            said_folders="$said_folders:$1:"
            would "mkdir $root$1"
            ;;
        esac
        return 0
    fi
    note_installed "$1/"
    mkdir "$root$1" || fail 1 "cannot make the folder $root$1" "is the disk full, or read-only? df $root$(dirname "$1")"
}

# The list of what is ours begins with the folders that it lies in.
begin_manifest() {
    if [ -z "$claims" ]; then
        claims=$(mktemp) || fail 1 "cannot make a temporary file (tried mktemp)" "is ${TMPDIR:-/tmp} full, or read-only?"
        trap 'rm -f "$claims"' EXIT
    fi
    [ ! -f "$root$manifest" ] && [ "$dry_run" = no ] || return 0
    made=
    folder=$(dirname "$manifest")
    while [ ! -d "$root$folder" ]; do
        made="$folder/
$made"
        folder=$(dirname "$folder")
    done
    folder=$(dirname "$root$manifest")
    mkdir -p "$folder" || fail 1 "cannot make the folder $folder" "is the disk full, or read-only? df $root$prefix"
    printf '%s' "$made" >"$root$manifest$UNFINISHED_NAME"
    mv -f "$root$manifest$UNFINISHED_NAME" "$root$manifest"
}

# refuse_foreign FILE: a file of somebody else is not ours to replace.
refuse_foreign() {
    if ! is_ours "$1" && { [ -e "$root$1" ] || [ -L "$root$1" ]; }; then
        fail 1 "$root$1 exists and is not ours" "move it away, then ./install.sh again"
    fi
}

# Takes a name for us.
claim() {
    refuse_foreign "$1"
    note_installed "$1"
    printf '%s\n' "$1" >>"$claims"
}

# remove_outdated FILE…: what an earlier version installed and this one does not. FILEs stay: whether they are installed depends on
# more than the version.
remove_outdated() {
    [ -f "$root$manifest" ] || return 0
    printf '%s\n' "$@" >>"$claims"
    outdated=$(grep -v '/$' "$root$manifest" | grep -vxF -f "$claims") || return 0
    while IFS= read -r file; do
        remove_file "$file"
        [ "$dry_run" = yes ] || rmdir "$(dirname "$root$file")" 2>/dev/null || true
    done <<END
$outdated
END
    [ "$dry_run" = no ] || return 0
    # Only what is gone for certain is forgotten.
    printf '%s\n' "$outdated" | grep -vxF -f - "$root$manifest" | put "$(mode_of "$root$manifest")" "$manifest"
}

# changing: said before anything that the running daemon knows only after a restart. The mark stays until it is restarted.
changing() {
    [ -z "$unfinished" ] || : >"$root$unfinished"
}

# put MODE FILE: stdin, in one step, so that a running program or a reader keeps the old file whole. The mode is right before
# there is anything to read.
put() {
    if ! { rm -f "$root$2$UNFINISHED_NAME" && (umask 077 && cat >"$root$2$UNFINISHED_NAME") &&
        chmod "$1" "$root$2$UNFINISHED_NAME" && mv -f "$root$2$UNFINISHED_NAME" "$root$2"; }; then
        rm -f "$root$2$UNFINISHED_NAME"
        fail 1 "cannot write $root$2" "is the disk full, or read-only? df $(dirname "$root$2"); then ./install.sh again"
    fi
}

# install_file MODE SOURCE TARGET
install_file() {
    make_folder "$(dirname "$3")"
    claim "$3"
    [ "$dry_run" = yes ] || rm -f "$root$3$UNFINISHED_NAME"
    if [ -f "$root$3" ] && [ ! -L "$root$3" ] && cmp -s "$2" "$root$3" && [ "$(mode_of "$root$3")" = "$1" ]; then
        return 0
    fi
    would "install -m $1 $2 $root$3" && return 0
    changing
    put "$1" "$3" <"$2"
}

# install_text MODE TARGET: what comes on stdin.
install_text() {
    text=$(cat)
    make_folder "$(dirname "$2")"
    claim "$2"
    if [ -f "$root$2" ] && [ "$text" = "$(cat "$root$2")" ] && [ "$(mode_of "$root$2")" = "$1" ]; then
        return 0
    fi
    would "write $root$2, mode $1" && return 0
    changing
    printf '%s\n' "$text" | put "$1" "$2"
}

install_link() {
    make_folder "$(dirname "$1")"
    claim "$1"
    [ "$(readlink "$root$1" || true)" != peermon ] || return 0
    would "ln -s peermon $root$1" && return 0
    ln -sfn peermon "$root$1"
}

# each_file COMMAND…: calls it with MODE SOURCE TARGET for whatever is the same for a user and for the machine.
each_file() {
    "$@" 755 "$built" "$peermon"
    for page in "$source_folder"/packaging/man/*.1; do
        [ ! -f "$page" ] || "$@" 644 "$page" "$data/man/man1/${page##*/}"
    done
    for completion in "$source_folder"/completions/*; do
        name=${completion##*/}
        case $name in
        *.bash) "$@" 644 "$completion" "$data/bash-completion/completions/$name" ;;
        *.fish) "$@" 644 "$completion" "$data/fish/vendor_completions.d/$name" ;;
        _*) "$@" 644 "$completion" "$data/zsh/site-functions/$name" ;;
        esac
    done
}

# python_folder HOW PYTHON…: where the first of these that is new enough looks for modules of all users, or of this one, without
# being told; nothing where there is none.
python_folder() {
    case $1 in
    all) code='folders = site.getsitepackages(); folder = sysconfig.get_path("purelib"); print(folder if folder in folders else folders[0])' ;;
    own) code='print(site.getusersitepackages())' ;;
    esac
    shift
    for python in "$@"; do
        # Python 2 takes none of these options, and an older Python 3 ends with 1. A virtual environment is nobody's usual one.
        # Not here: Python takes modules from where it is started, and root does not want those of whoever owns that folder.
        if folder=$(cd / && "$python" -B -c "import site, sys, sysconfig
sys.version_info >= (3, 8) and sys.prefix == sys.base_prefix or sys.exit(1)
$code" 2>/dev/null); then
            case $folder in
            /*)
                printf '%s\n' "$folder"
                return
                ;;
            esac
        fi
    done
}

# install_python FOLDER: the library for clients in Python, where Python finds it.
install_python() {
    [ -n "$1" ] || return 0
    if ! is_ours "$1/peermonlib/__init__.py" && [ -e "$root$1/peermonlib" ] && ! is_ours "$1/peermonlib/"; then
        say "$root$1/peermonlib is not ours and stays as it is (pip's?)"
        return 0
    fi
    for file in "$source_folder"/packaging/python/peermonlib/*; do
        [ ! -f "$file" ] || install_file 644 "$file" "$1/peermonlib/${file##*/}"
    done
}

install_files() {
    begin_manifest
    each_file install_file
    install_link "$binaries/smarterSSH"
    install_link "$binaries/autoMPIgen"
    install_file 755 "$source_folder/packaging/python/client_template.py" "$data/peermon/examples/client_template.py"
}

# require_settings [OPTION]: of peermon daemon. A slip in its settings would take down the one that runs, so it is said before.
require_settings() {
    ! would "$peermon daemon --check${1:+ $1}" || return 0
    # Whatever else is wrong with the program is found when it is started.
    wrong=$("$peermon" daemon --check "$@" 2>&1) || [ $? != 2 ] || {
        printf '%s\n' "$wrong" >&2
        return 1
    }
}

require_that_it_runs() {
    "$1" --version >/dev/null || fail 1 "the program does not run here (tried $1 --version)" "$2"
}

# remove_file FILE: with what Python made of it.
remove_file() {
    run rm -f "$root$1"
    case $1 in
    */peermonlib/*.py) run rm -rf "$root${1%/*}/__pycache__" ;;
    esac
}

# All files of the manifest, then the folders that are empty.
remove_files() {
    # Folders come after what is in them; those that hold something of others stay.
    folders=$(sed -n 's|/$||p' "$root$manifest" | sort -r)
    while IFS= read -r file; do
        case $file in
        */) ;;
        *) remove_file "$file" ;;
        esac
    done <"$root$manifest"
    run rm -f "$root$manifest"
    printf '%s\n' "$folders" | while IFS= read -r folder; do
        [ "$dry_run" = yes ] || rmdir "$root$folder" 2>/dev/null || true
    done
}
