# shellcheck shell=sh disable=SC2154
# Rust and the executable. Read by install.sh.

# version_at_least HAVE WANTED, both MAJOR.MINOR[…]
version_at_least() {
    have_major=${1%%.*}
    have_minor=${1#*.}
    have_minor=${have_minor%%.*}
    [ "$have_major" -gt "${2%%.*}" ] || { [ "$have_major" = "${2%%.*}" ] && [ "$have_minor" -ge "${2#*.}" ]; }
}

# Under sudo it is the user who has Rust, and whose files a build should be. Sets $builder and $builder_home.
find_builder() {
    builder=
    builder_home=${HOME:-/}
    if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && has runuser; then
        home=$(awk -F: -v name="$SUDO_USER" '$1 == name { print $6 }' /etc/passwd)
        if [ -n "$home" ]; then
            builder=$SUDO_USER
            builder_home=$home
        fi
    fi
}

# as_builder COMMAND…: in the folder of the source.
as_builder() {
    if [ -n "$builder" ]; then
        (cd "$source_folder" && runuser -u "$builder" -- env HOME="$builder_home" PATH="$PATH" "$@")
    else
        (cd "$source_folder" && "$@")
    fi
}

find_rust() {
    if ! has cargo || ! has rustc; then
        # rustup puts them there, and only a new login has the folder in its PATH.
        PATH="${CARGO_HOME:-$builder_home/.cargo}/bin:$PATH"
    fi
    has cargo && has rustc
}

require_rust() {
    get_rust="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh, then ./install.sh again"
    if ! find_rust; then
        fail 1 "Rust $OLDEST_RUST or newer is needed to build (no cargo and rustc in PATH or ${CARGO_HOME:-$builder_home/.cargo}/bin)" "$get_rust"
    fi
    found=$(as_builder rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9][0-9]*\.[0-9][0-9]*[^ ]*\).*/\1/p')
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
    find_builder
    built=$source_folder/target/release/peermon
    if [ -x "$built" ] && ! find_rust; then
        say "no Rust here: installing $built, which was built before"
        return
    fi
    require_rust
    ! would "cargo build --release --locked --bin peermon" || return 0
    say "building peermon; the first time takes a minute or two"
    as_builder cargo build --release --locked --bin peermon ||
        fail 1 "cargo build --release --locked failed (see above)" "without a network, run cargo fetch --locked where there is one and bring CARGO_HOME"
    # Cargo knows where it builds, whether an environment variable or a configuration file says so.
    target_folder=$(as_builder cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    built=$target_folder/release/peermon
    [ -x "$built" ] || fail 1 "the build left no executable (tried $built)" "unset CARGO_BUILD_TARGET, and try again"
}
