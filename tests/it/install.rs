//! `install.sh --user`, end to end: dash runs it in a fresh home, on a machine of its own, where the usual ports are free
//! or deliberately taken.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Outcome;
use crate::machine::{HOME, Machine, SOURCE, STAND_INS};
use crate::skip;

/// The line to type on the next machine, of what install.sh printed.
#[track_caller]
fn next_line(printed: &str) -> &str {
    let mut lines = printed.lines().skip_while(|line| *line != "On the next machine, type:");
    lines.nth(1).unwrap_or_else(|| panic!("no line for the next machine: {printed}")).trim()
}

#[track_caller]
fn check_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "expected '{part}', found:\n{text}");
    }
}

/// The names in the folder `path` of this project.
fn names_in(path: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn one_command_installs_all_starts_a_daemon_and_says_what_to_type_next() {
    let Some(machine) = Machine::new("ada") else { return };
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "no word of trouble");
    let printed = outcome.stdout;
    let table: Vec<Vec<&str>> = printed.lines().take(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((table[0][0], table[1][0], table[1][1]), ("NAME", "ada", "fresh"), "{printed}");
    assert_eq!(next_line(&printed), "./install.sh --user --join ada:1288");
    check_contains(&printed, &["To close the network:", "in your PATH:", "After a reboot"]);
    for link in ["smarterSSH", "autoMPIgen"] {
        assert_eq!(fs::read_link(machine.home(".local/bin").join(link)).unwrap(), Path::new("peermon"));
    }
    let files = machine.files(HOME);
    for page in names_in("packaging/man") {
        assert!(files.contains(&format!(".local/share/man/man1/{page}")), "{page}: {files:?}");
    }
    let completions: Vec<String> = names_in("completions");
    let installed = files.iter().filter(|file| completions.iter().any(|name| file.ends_with(&format!("/{name}"))));
    assert_eq!(installed.count(), completions.len(), "{files:?}");
    // Every client finds it, whatever way it looks.
    assert_eq!(machine.peermon("query"), "ada\n");
    assert_eq!(machine.peermon("query --socket 127.0.0.1:1981"), "ada\n");
    check_contains(&machine.daemon(), &[r#""port":1288"#]);
}

#[test]
fn what_is_printed_can_be_pasted() {
    let Some(machine) = Machine::new("ada") else { return };
    let printed = machine.install("--user");
    let commands: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let is_to_paste = |line: &&&str| !line.starts_with("./install.sh");
    let to_paste: Vec<&str> = commands.iter().filter(is_to_paste).copied().collect();
    let [keygen, path, start] = to_paste[..] else { panic!("{to_paste:?}") };
    machine.said(keygen);
    assert_eq!(fs::metadata(machine.home(".config/peermon/gossip.key")).unwrap().mode() & 0o777, 0o600);
    check_contains(&machine.daemon(), &[r#""keyed":false"#]);
    let printed = machine.install("--user");
    check_contains(&machine.daemon(), &[r#""keyed":true"#]);
    check_contains(
        &printed,
        &["Bring your key to the next machine first: /mnt/home of ada/.config/peermon/gossip.key"],
    );
    assert_eq!(machine.said(&format!("{path}\npeermon query")), "ada\n");
    machine.said(r#"kill -9 "$(cat /tmp/peermon-*/1981.pid)""#);
    machine.said(start);
    assert_eq!(machine.peermon("query"), "ada\n");
}

/// Installs where another user's daemon has these ports, and checks which ones this user gets.
#[track_caller]
fn check_ports(taken: &str, settings: &str, port: u16, client_port: u16) {
    let Some(machine) = Machine::new("ada") else { return };
    machine.said(&format!(
        "mkdir -p /mnt/other/peermon /mnt/other/run && export XDG_CONFIG_HOME=/mnt/other XDG_RUNTIME_DIR=/mnt/other/run &&
         exec 2>/dev/null >/dev/null && setsid /mnt/peermon daemon --user --name other {taken} &
         sleep 1"
    ));
    fs::create_dir_all(machine.home(".config/peermon")).unwrap();
    if !settings.is_empty() {
        fs::write(machine.home(".config/peermon/peermon.toml"), settings).unwrap();
    }
    assert_eq!(machine.daemons().len(), 1, "the other user's daemon with {taken}");
    machine.install("--user");
    let written = fs::read_to_string(machine.home(".config/peermon/peermon.toml")).unwrap();
    check_contains(&written, &settings.lines().collect::<Vec<_>>());
    check_contains(&machine.daemon(), &[&format!(r#""port":{port}"#)]);
    assert_eq!(machine.peermon("query"), "ada\n");
    assert_eq!(machine.peermon(&format!("query --socket 127.0.0.1:{client_port}")), "ada\n");
    assert_eq!(machine.daemons().len(), 2, "the other user's daemon goes on");
}

#[test]
fn ports_that_are_taken_are_left_alone_and_every_client_finds_the_others() {
    // The machine's user is number 0.
    check_ports("-p 1288 -l 1981", "", 10000, 10002);
    check_ports("-p 1289 -l 3000", "", 10000, 1981);
    check_ports("-p 1287 -l 3000", "", 10000, 1981);
    check_ports("-p 3000 -l 1981", "", 1288, 10002);
    check_ports("-p 3000 -l 3000", "", 1288, 1981);
}

#[test]
fn ports_that_the_user_chose_stay() {
    check_ports("-p 1288 -l 1981", "[gossip]\nport = 4000 # mine\n\n[client]\nport = '4100'\n", 4000, 4100);
    check_ports("-p 3000 -l 3000", "gossip.port = 4000\nclient.port = 4100\n", 4000, 4100);
    check_ports("-p 1288 -l 1981", "log = \"warn\"\n[gossip]\ninterval = 5\n[client]\nport = 4100\n", 10000, 4100);
}

#[test]
fn ports_of_the_users_choice_that_are_taken_are_named() {
    let Some(machine) = Machine::new("ada") else { return };
    machine.said("exec >/dev/null 2>&1; setsid /mnt/peermon daemon --user --no-tcp & sleep 1");
    fs::create_dir_all(machine.home(".config/peermon")).unwrap();
    fs::write(machine.home(".config/peermon/peermon.toml"), "[gossip]\nport = 1288\n").unwrap();
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user");
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    check_contains(&outcome.stderr, &["UDP port 1288 or the next is taken", "peermon.toml", "\nhint: "]);
}

#[test]
fn installing_again_upgrades_and_restarts() {
    let Some(machine) = Machine::new("ada") else { return };
    machine.install("--user");
    let settings = || fs::read_to_string(machine.home(".config/peermon/peermon.toml")).unwrap();
    let (files, written, daemons) = (machine.files(HOME), settings(), machine.daemons());
    let installed = || fs::metadata(machine.home(".local/bin/peermon")).unwrap();
    let before = installed();
    machine.said("echo newer >>/mnt/peermon");
    machine.install("--user");
    assert_eq!((machine.files(HOME), settings()), (files, written));
    assert_ne!((installed().ino(), installed().len()), (before.ino(), before.len()));
    let after = machine.daemons();
    assert!(after.len() == 1 && after != daemons, "{daemons:?}, then {after:?}");
    // What was installed knows itself: nothing is there twice.
    let manifest = fs::read_to_string(machine.home(".local/share/peermon/installed")).unwrap();
    assert_eq!(manifest.lines().count(), manifest.lines().collect::<BTreeSet<_>>().len(), "{manifest}");
}

#[test]
fn uninstalling_takes_everything_away_but_key_and_settings() {
    let Some(machine) = Machine::new("ada") else { return };
    fs::create_dir_all(machine.home(".local/bin")).unwrap();
    fs::write(machine.home(".local/bin/mine"), "").unwrap();
    let before = machine.files(HOME);
    machine.install("--user --join 127.0.0.1:1299");
    machine.said("'/mnt/home of ada/.local/bin/peermon' keygen ~/.config/peermon/gossip.key");
    let outcome = machine.install_with("", "--uninstall --user");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:?}");
    check_contains(&outcome.stderr, &["your key and settings stay in /mnt/home of ada/.config/peermon"]);
    let kept = ["", "/peermon", "/peermon/gossip.key", "/peermon/machines.txt", "/peermon/peermon.toml"];
    let kept = kept.map(|path| format!(".config{path}"));
    assert_eq!(machine.files(HOME), before.into_iter().chain(kept).collect());
    assert_eq!((machine.daemons().len(), machine.files("/tmp")), (0, BTreeSet::new()));
    let outcome = machine.install_with("", "--uninstall --user");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    check_contains(&outcome.stderr, &["peermon is not installed for you", "\nhint: "]);
}

#[test]
fn a_file_of_somebody_else_is_not_overwritten() {
    let Some(machine) = Machine::new("ada") else { return };
    for name in ["peermon", "autoMPIgen"] {
        let path = machine.home(".local/bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user");
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        check_contains(&outcome.stderr, &[name, "exists and is not ours", "\nhint: move it away"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(path).unwrap();
    }
    machine.install("--user");
}

#[test]
fn a_second_machine_joins_with_the_line_that_the_first_one_printed() {
    let Some(first) = Machine::new("ada") else { return };
    let second = first.beside("grace");
    first.connect(&second);
    let printed = first.install("--user");
    assert_eq!(next_line(&printed), "./install.sh --user --join 10.9.0.1:1288");
    let arguments = next_line(&printed).strip_prefix("./install.sh ").unwrap();
    let printed = second.install(arguments);
    check_contains(&printed, &["\nada ", "\ngrace "]);
    assert_eq!(next_line(&printed), "./install.sh --user --join 10.9.0.2:1288");
    let begin = Instant::now();
    while first.peermon("query --count") != "2\n" {
        assert!(begin.elapsed() < Duration::from_secs(15), "{}", first.peermon("query --all --output table"));
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_name_that_leads_nowhere_is_said_to_do_so() {
    let Some(machine) = Machine::new("ada") else { return };
    let outcome =
        machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user --join=nosuch.invalid:1299 --join 127.0.0.1");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    check_contains(&outcome.stderr, &["\nhint: no address is known for nosuch.invalid: is that spelled right?"]);
}

#[test]
fn broken_settings_stop_no_daemon() {
    let Some(machine) = Machine::new("ada") else { return };
    machine.install("--user");
    let (settings, daemons) = (machine.home(".config/peermon/peermon.toml"), machine.daemons());
    let good = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{good}\n[gossip]\nport = 'x'\n")).unwrap();
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user");
    assert_eq!((outcome.code, machine.daemons()), (Some(2), daemons.clone()), "{outcome:?}");
    check_contains(&outcome.stderr, &["peermon.toml:", "nothing was stopped", "\nhint: mend that"]);
    fs::write(&settings, good).unwrap();
    machine.install("--user");
    assert_ne!(machine.daemons(), daemons);
}

#[test]
fn what_zsh_must_be_told_is_said_to_whoever_uses_it() {
    let Some(machine) = Machine::new("ada") else { return };
    assert!(!machine.install("--user").contains("fpath"));
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon SHELL=/usr/bin/zsh", "--user");
    check_contains(&outcome.stdout, &["\n    fpath=('/mnt/home of ada/.local/share/zsh/site-functions' $fpath)\n"]);
    assert!(machine.home(".local/share/zsh/site-functions/_peermon").is_file());
}

#[test]
fn nobody_at_the_other_end_is_said_and_no_failure() {
    let Some(machine) = Machine::new("ada") else { return };
    let outcome = machine.install_with("PEERMON_BINARY=/mnt/peermon", "--user --join=127.0.0.1:1299");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    check_contains(&outcome.stderr, &["nobody has answered yet at 127.0.0.1:1299", "\nhint: "]);
    let machines = || fs::read_to_string(machine.home(".config/peermon/machines.txt")).unwrap();
    machine.install("--user --join 127.0.0.1:1299");
    assert_eq!(machines().lines().filter(|line| *line == "127.0.0.1:1299").count(), 1, "{}", machines());
}

#[test]
fn the_xdg_folders_are_honoured() {
    let Some(machine) = Machine::new("ada") else { return };
    fs::create_dir(machine.path("/mnt/runtime")).unwrap();
    let variables = "XDG_CONFIG_HOME='/mnt/my config' XDG_DATA_HOME=/mnt/data XDG_RUNTIME_DIR=/mnt/runtime";
    let outcome = machine.install_with(&format!("{variables} PEERMON_BINARY=/mnt/peermon"), "--user");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let expected =
        ["", "/bin", "/bin/autoMPIgen", "/bin/peermon", "/bin/smarterSSH"].map(|path| format!(".local{path}"));
    // Python asks no variable of these.
    let mut files = machine.files(HOME);
    files.retain(|file| !file.starts_with(".local/lib"));
    assert_eq!(files, expected.into_iter().collect());
    assert!(machine.files("/mnt/my config").contains("peermon/peermon.toml"));
    assert!(machine.files("/mnt/data").contains("peermon/installed"));
    let start = outcome.stdout.lines().last().unwrap();
    assert!(start.starts_with("    XDG_CONFIG_HOME='/mnt/my config' "), "{start}");
    let outcome = machine.install_with(variables, "--uninstall --user");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(machine.files(HOME), BTreeSet::new());
    // Relative ones don't count, as the standard says.
    machine.said(&format!(
        "cd /mnt && XDG_CONFIG_HOME=here PEERMON_BINARY=/mnt/peermon dash '{SOURCE}/install.sh' --user"
    ));
    assert!(machine.files(HOME).contains(".config/peermon/peermon.toml"));
}

/// As much of `systemctl --user` as install.sh needs.
const SYSTEMCTL: &str = r#"
shift
echo "$*" >>/mnt/calls
stop() {
    [ -f /mnt/pid ] || return 0
    kill "$(cat /mnt/pid)"
    rm -f /mnt/pid
    # The real one waits.
    sleep 0.3
}
case $1 in
stop | disable) stop ;;
restart)
    unit="$HOME/.local/share/systemd/user/peermon.service"
    stop
    eval "export $(sed -n 's/^Environment=//p' "$unit")"
    eval "setsid $(sed -n 's/^ExecStart=//p' "$unit") </dev/null >/mnt/log 2>&1 &"
    echo $! >/mnt/pid
    ;;
esac
"#;

#[test]
fn where_systemd_runs_for_the_user_it_runs_the_daemon() {
    let Some(machine) = Machine::new("ada") else { return };
    machine.stand_in("systemctl", SYSTEMCTL);
    fs::create_dir_all(machine.path("/run/user/0")).unwrap();
    let variables = "XDG_RUNTIME_DIR=/run/user/0 PEERMON_BINARY=/mnt/peermon";
    for _ in 0..2 {
        let outcome = machine.install_with(variables, "--user");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        check_contains(&outcome.stdout, &["\nada "]);
        assert!(!outcome.stdout.contains("After a reboot"), "{outcome:?}");
        assert_eq!(machine.daemons().len(), 1);
    }
    let calls = fs::read_to_string(machine.path("/mnt/calls")).unwrap();
    check_contains(
        &calls,
        &["daemon-reload\nenable --quiet /mnt/home of ada/.local/share/systemd/user/peermon.service\n"],
    );
    assert!(machine.files("/run/user/0").contains("peermon/1981.sock"));
    let outcome = machine.install_with(variables, "--uninstall --user");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(machine.daemons().len(), 0);
    assert!(!machine.files(HOME).iter().any(|file| file.ends_with(".service")));
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let Some(machine) = Machine::new("ada") else { return };
    if machine.shell("command -v systemd-analyze").code != Some(0) {
        return skip::because("no systemd-analyze here");
    }
    machine.stand_in("systemctl", SYSTEMCTL);
    fs::create_dir_all(machine.path("/run/user/0")).unwrap();
    machine.install_with("XDG_RUNTIME_DIR=/run/user/0 PEERMON_BINARY=/mnt/peermon", "--user");
    let unit = "~/.local/share/systemd/user/peermon.service";
    let outcome = machine.shell(&format!("XDG_RUNTIME_DIR=/run/user/0 systemd-analyze verify --man=no --user {unit}"));
    let about_it: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("peermon")).collect();
    assert_eq!((outcome.code, about_it), (Some(0), vec![]), "{outcome:?}");
}

/// As much of cargo as install.sh needs: the build is a copy.
const CARGO: &str = r#"
echo "$PWD: cargo $*" >>/mnt/calls
target=${CARGO_TARGET_DIR:-$PWD/target}
case $1 in
build) mkdir -p "$target/release" && cp /mnt/peermon "$target/release/peermon" ;;
metadata) printf '{"packages":[],"target_directory":"%s","version":1}\n' "$target" ;;
esac
"#;

#[test]
fn it_builds_what_is_locked_where_cargo_is_told_to_with_the_cargo_of_cargo_home() {
    let Some(machine) = Machine::new("ada") else { return };
    let cargo_home = machine.path("/mnt/my cargo/bin");
    fs::create_dir_all(&cargo_home).unwrap();
    for (name, lines) in [("cargo", CARGO), ("rustc", "echo 'rustc 1.87.0 (0123456789 2025-01-01)'")] {
        machine.stand_in(name, lines);
        fs::rename(machine.path(STAND_INS).join(name), cargo_home.join(name)).unwrap();
    }
    // Neither cargo nor rustc is anywhere else.
    machine.stand_in("cc", "");
    let path = format!("PATH={STAND_INS}:/usr/sbin:/usr/bin:/sbin:/bin");
    let built_in = |variables: &str| {
        let outcome = machine.install_with(&format!("{path} CARGO_HOME='/mnt/my cargo' {variables}"), "--user");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        check_contains(&outcome.stderr, &["building peermon"]);
    };
    built_in("");
    assert!(machine.files(SOURCE).contains("target/release/peermon"));
    fs::remove_dir_all(machine.path(SOURCE).join("target")).unwrap();
    built_in("CARGO_TARGET_DIR='/mnt/my target'");
    assert!(machine.files("/mnt/my target").contains("release/peermon") && !machine.files(SOURCE).contains("target"));
    let calls = fs::read_to_string(machine.path("/mnt/calls")).unwrap();
    check_contains(&calls, &["/mnt/the source: cargo build --release --locked --bin peermon\n"]);
}

/// Runs install.sh of this project with arguments that it does not take.
#[track_caller]
fn check_usage(arguments: &str, code: i32, what: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    let home = tempfile::tempdir().unwrap();
    let output: Output =
        Command::new("dash").arg(script).args(arguments.split(' ')).env("HOME", home.path()).output().unwrap();
    let Outcome { stdout, stderr, code: found } = output.into();
    assert_eq!((stdout.as_str(), found), ("", Some(code)), "{arguments}: {stderr}");
    assert!(stderr.lines().count() == 2 && stderr.contains(what) && stderr.contains("\nhint: "), "{stderr}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn what_it_does_not_take_it_names() {
    check_usage("--usr", 2, "unknown option '--usr'");
    check_usage("--user --join", 2, "--join wants HOST or HOST:PORT");
    check_usage("--user --join -x", 2, "not a host: '-x'");
    check_usage("--user --join a;b", 2, "not a host: 'a;b'");
    check_usage("--user --port 2288", 2, "--port is for the whole machine, not for --user");
    check_usage("--port", 2, "--port wants PORT");
    check_usage("--port 65535", 2, "--port wants a port, not '65535'");
    check_usage("--client-port=http", 2, "--client-port wants a port, not 'http'");
    check_usage("--interval 0.1", 2, "--interval wants 0.2 to 300 seconds, not '0.1'");
    check_usage("--collector=yes", 2, "--collector takes no value");
    check_usage("--prefix opt", 2, "--prefix wants an absolute path of plain characters, not 'opt'");
    check_usage("--sysconfdir /a;b", 2, "--sysconfdir wants an absolute path of plain characters, not '/a;b'");
    check_usage("--destdir image", 2, "--destdir wants an absolute path, not 'image'");
    check_usage("--key-file k --new-key", 2, "--key-file and --new-key: one of them");
    check_usage("--purge", 2, "--purge goes with --uninstall");
}

#[test]
fn help_lists_what_it_takes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    let Outcome { stdout, stderr, code } = Command::new("dash").arg(script).arg("--help").output().unwrap().into();
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    check_contains(&stdout, &["--user", "--join HOST[:PORT]", "--uninstall", "CARGO_TARGET_DIR", "PEERMON_BINARY"]);
}
