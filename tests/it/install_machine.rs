//! `install.sh` for the whole machine, end to end: dash runs it as root on a machine of its own, where nobody has peermon yet.
//! Its files of /etc, /usr and /var are real ones, its users too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::command::Outcome;
use crate::machine::{Machine, SOURCE};

/// All that an installation may change.
pub const CHANGEABLE: &str = "/usr/local /etc /opt /var/lib /run";

/// A machine without init scripts of others.
fn machine() -> Option<Machine> {
    Machine::of_an_administrator("ada")
}

#[track_caller]
pub fn check_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "expected '{part}', found:\n{text}");
    }
}

/// Runs install.sh with the executable that is tested.
fn install(machine: &Machine, arguments: &str) -> Outcome {
    machine.install_with("PEERMON_BINARY=/mnt/peermon", arguments)
}

/// The names in the folder `path` of this project.
fn names_in(path: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn one_command_installs_for_the_whole_machine_and_says_what_to_type_next() {
    let Some(machine) = machine() else { return };
    let Outcome { stdout, stderr, code } = install(&machine, "");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "no word of trouble: {stdout}");
    check_contains(&stdout, &["NAME ", "\nada   fresh ", "\n    sudo ./install.sh --join ada:1288\n"]);
    let last: Vec<&str> = stdout.lines().rev().take(2).collect();
    assert!(last[1].starts_with("The network is open: "), "{stdout}");
    assert_eq!(last[0], "    sudo ./install.sh --new-key");
    let installed = machine.files("/usr/local");
    for page in names_in("packaging/man") {
        assert!(installed.contains(&format!("share/man/man1/{page}")), "{page}");
    }
    for name in names_in("completions") {
        assert!(installed.iter().any(|file| file.ends_with(&format!("/{name}"))), "{name}");
    }
    for unit in names_in("packaging/systemd") {
        assert!(installed.contains(&format!("lib/systemd/system/{unit}")), "{unit}");
    }
    assert_eq!(machine.said("readlink /usr/local/bin/smarterSSH /usr/local/bin/autoMPIgen"), "peermon\npeermon\n");
    // The daemon is that user's, and every user of the machine can ask it.
    assert_eq!(machine.said("stat -c %U:%G /run/peermon/1981.sock"), "peermon:peermon\n");
    assert_eq!(machine.said("setpriv --reuid=65534 --regid=65534 --clear-groups peermon query"), "ada\n");
    for file in ["peermon.toml", "machines.txt", "valid_ips.txt"] {
        let text = machine.said(&format!("cat /etc/peermon/{file}"));
        assert!(text.starts_with('#') && !text.contains("\n="), "{file}: {text}");
    }
    // What is for cron finds it there.
    check_contains(
        &machine.said("cat /usr/local/share/peermon/examples/peermon-dns"),
        &["\nPATH=/usr/local/bin:/usr/sbin:"],
    );
    // It comes back with the machine.
    assert_ne!(machine.said("ls /etc/rc2.d | grep peermon"), "");
}

#[test]
fn every_commented_default_is_a_setting_that_the_daemon_takes() {
    let Some(machine) = machine() else { return };
    install(&machine, "--no-start");
    machine.said(
        r#"sed -i 's/^# \([a-z_]* = .*\)/\1/; /^interface/d; /^advertise/d; /^name/d' /etc/peermon/peermon.toml"#,
    );
    machine.said("sed -i 's/^require_key.*/require_key = false/; /^key_file/d' /etc/peermon/peermon.toml");
    machine.said("/etc/init.d/peermon start");
    let settings = machine.said("cat /etc/peermon/peermon.toml");
    assert!(settings.lines().filter(|line| line.contains('=') && !line.starts_with('#')).count() > 10, "{settings}");
    check_contains(&machine.said("peermon query --status"), &["ada: "]);
}

#[test]
fn a_new_key_closes_the_network_and_the_printed_command_brings_the_next_machine() {
    let Some(first) = machine() else { return };
    let second = first.beside("grace");
    first.connect(&second);
    let Outcome { stdout, stderr, code } = install(&first, "--new-key --interval 1");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(first.said("stat -c %U:%G:%a /etc/peermon/gossip.key"), "root:peermon:640\n");
    let line = stdout.lines().last().unwrap().trim();
    let line = line
        .strip_prefix("scp root@10.9.0.1:/etc/peermon/gossip.key k && sudo ./install.sh ")
        .unwrap_or_else(|| panic!("{stdout}"));
    let arguments = line.strip_suffix(" && rm k").unwrap();
    assert_eq!(arguments, "--join 10.9.0.1:1288 --key-file k");
    // As scp leaves it.
    fs::write(second.path("/mnt/k"), first.said("cat /etc/peermon/gossip.key")).unwrap();
    second.said("chmod 640 /mnt/k");
    let arguments = format!("{} --interval 1", arguments.replace(" k", " /mnt/k"));
    let refused = install(&second, &arguments);
    check_contains(&refused.stderr, &["/mnt/k is open to others (mode 640)", "\nhint: chmod 600 /mnt/k"]);
    second.said("chmod 600 /mnt/k");
    let joined = install(&second, &arguments);
    assert_eq!((joined.code, joined.stderr.as_str()), (Some(0), ""), "{joined:?}");
    check_contains(&joined.stdout, &["\nada ", "\ngrace "]);
    for machine in [&first, &second] {
        check_contains(&machine.said("peermon query --status --json"), &[r#""keyed":true"#]);
        check_contains(&machine.said("cat /etc/peermon/peermon.toml"), &["\nrequire_key = true\n"]);
    }
    // A second --new-key is none: the network has one.
    let before = first.said("cat /etc/peermon/gossip.key");
    assert_eq!(install(&first, "--new-key").code, Some(0));
    assert_eq!(first.said("cat /etc/peermon/gossip.key"), before);
    // A key that has nothing to do with it would take the machine out of its network; one beside it does not.
    second.said("peermon keygen /mnt/other");
    let refused = install(&second, "--key-file /mnt/other");
    check_contains(&refused.stderr, &["gossip.key is there already, with another key", "\nhint: "]);
    second.said("cat /mnt/k /mnt/other >/mnt/both && chmod 600 /mnt/both");
    assert_eq!(install(&second, "--key-file /mnt/both").code, Some(0));
    assert_eq!(second.said("cat /etc/peermon/gossip.key"), second.said("cat /mnt/both"));
    assert_eq!(second.said("stat -c %U:%G:%a /etc/peermon/gossip.key"), "root:peermon:640\n");
}

#[test]
fn options_become_settings_and_the_daemon_has_them() {
    let Some(machine) = machine() else { return };
    let options = "--port 2288 --client-port 2981 --interval 0.5 --collector --join 127.0.0.1:2300 --join=n1.lab --join '[fd00::1]:1288'";
    let Outcome { stdout, stderr, code } = install(&machine, options);
    assert_eq!(code, Some(0), "{stderr}");
    check_contains(&stderr, &["nobody has answered yet at 127.0.0.1:2300 n1.lab [fd00::1]:1288"]);
    check_contains(&stdout, &["ada   collector ", "--join ada:2288 --port 2288\n"]);
    let status = machine.said("peermon query --status --json");
    check_contains(&status, &[r#""port":2288"#, r#""interval_seconds":0.5"#]);
    let settings = || machine.said("grep -v '^#' /etc/peermon/peermon.toml | tr -s '\n'");
    let expected = "[gossip]\ninterval = 0.5\nport = 2288\n[host]\ncollector = true\n[client]\nport = 2981\n[choose]\n";
    assert_eq!(settings().trim_start(), expected);
    let machines = machine.said("grep -v '^#' /etc/peermon/machines.txt");
    assert_eq!(machines, "127.0.0.1:2300\nn1.lab\n[fd00::1]:1288\n");
    // Again with another one: that one, and the rest stays.
    assert_eq!(install(&machine, "--interval 1 --join n1.lab").code, Some(0));
    assert_eq!(settings().trim_start(), expected.replace("0.5", "1"));
    assert_eq!(machine.said("grep -v '^#' /etc/peermon/machines.txt"), machines);
    check_contains(&machine.said("peermon query --status --json"), &[r#""interval_seconds":1"#]);
}

#[test]
fn settings_are_found_however_they_are_written() {
    let Some(machine) = machine() else { return };
    for (written, expected) in [
        ("gossip.interval = 5 # slow\n", "gossip.interval = 7\ngossip.port = 2288\n"),
        ("gossip.network = 'x'\n", "gossip.port = 2288\ngossip.interval = 7\ngossip.network = 'x'\n"),
        ("[ gossip ] # ours\ninterval=5\n[host]\n", "[ gossip ] # ours\nport = 2288\ninterval = 7\n[host]\n"),
        (
            "log = 'warn'\n[host]\nname = 'b'\n",
            "log = 'warn'\n[host]\nname = 'b'\n\n[gossip]\nport = 2288\ninterval = 7\n",
        ),
    ] {
        machine.said("mkdir -p /etc/peermon");
        fs::write(machine.path("/etc/peermon/peermon.toml"), written).unwrap();
        let outcome = install(&machine, "--port 2288 --interval 7");
        assert_eq!(outcome.code, Some(0), "{written}: {outcome:?}");
        let found = machine.said("cat /etc/peermon/peermon.toml");
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&found), sorted(expected), "{written}: {found}");
        check_contains(
            &machine.said("PEERMON_SOCKET=/run/peermon/1981.sock peermon query --status --json"),
            &[r#""port":2288"#],
        );
    }
}

#[test]
fn files_of_the_administrator_stay_and_a_new_default_comes_beside() {
    let Some(machine) = machine() else { return };
    machine.said(
        "mkdir /etc/peermon && echo '[gossip]' >/etc/peermon/peermon.toml && echo 10.9.0.7 >/etc/peermon/machines.txt",
    );
    let outcome = install(&machine, "--no-start");
    check_contains(
        &outcome.stderr,
        &["peermon.toml stays as it is; the new default lies beside it as peermon.toml.new"],
    );
    assert_eq!(machine.said("cat /etc/peermon/peermon.toml /etc/peermon/machines.txt"), "[gossip]\n10.9.0.7\n");
    let default = machine.said(&format!("cat '{SOURCE}/packaging/etc/peermon.toml'"));
    assert_eq!(machine.said("cat /etc/peermon/peermon.toml.new"), default);
    // Said once: who has looked and removed it does not get it again, until it changes.
    machine.said("rm /etc/peermon/*.new");
    assert!(!install(&machine, "--no-start").stderr.contains(".new"));
    machine.said(&format!("echo '# more' >>'{SOURCE}/packaging/etc/peermon.toml'"));
    install(&machine, "--no-start");
    assert_eq!(machine.said("ls /etc/peermon"), "machines.txt\npeermon.toml\npeermon.toml.new\nvalid_ips.txt\n");
}

#[test]
fn installing_twice_changes_nothing_at_all() {
    let Some(machine) = machine() else { return };
    let options = "--new-key --join 127.0.0.1:1299 --interval 0.5 --cron";
    install(&machine, options);
    // The daemon goes on writing its log.
    machine.said("rm /run/peermon/1981.log");
    let (before, daemons) = (machine.snapshot(CHANGEABLE), machine.daemons());
    let outcome = install(&machine, options);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let after = machine.snapshot(CHANGEABLE);
    assert_eq!(before.symmetric_difference(&after).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!((daemons.len(), machine.daemons()), (1, daemons), "nobody is disturbed");
}

#[test]
fn an_upgrade_keeps_files_and_key_and_restarts_the_daemon() {
    let Some(machine) = machine() else { return };
    install(&machine, "--new-key");
    let (kept, daemons) = (machine.snapshot("/etc/peermon"), machine.daemons());
    machine.said("echo newer >>/mnt/peermon");
    let outcome = install(&machine, "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(machine.snapshot("/etc/peermon"), kept);
    let now = machine.daemons();
    assert!(now.len() == 1 && now != daemons, "{daemons:?}, then {now:?}");
    machine.said("cmp /mnt/peermon /usr/local/bin/peermon");
    assert!(!machine.files("/usr/local/bin").contains("peermon.before"));
}

#[test]
fn what_a_newer_version_no_longer_installs_goes_with_the_upgrade() {
    let Some(machine) = machine() else { return };
    for file in ["packaging/man/peermon-older.1", "packaging/python/peermonlib/older.py"] {
        machine.said(&format!("echo older >'{SOURCE}/{file}'"));
    }
    install(&machine, "--cron");
    let older = machine.said("grep older /usr/local/share/peermon/installed");
    let files: Vec<&str> = older.lines().collect();
    assert_eq!(files.len(), 2, "{older}");
    machine
        .said(&format!("rm '{SOURCE}/packaging/man/peermon-older.1' '{SOURCE}/packaging/python/peermonlib/older.py'"));
    let before = machine.snapshot(CHANGEABLE);
    let steps = machine.said(&format!("PEERMON_BINARY=/mnt/peermon dash '{SOURCE}/install.sh' --dry-run"));
    for file in &files {
        check_contains(&steps, &[&format!("rm -f {file}\n")]);
    }
    assert_eq!(machine.snapshot(CHANGEABLE), before);
    assert_eq!(install(&machine, "").code, Some(0));
    for file in files {
        assert!(!machine.path(file).exists(), "{file}");
    }
    assert_eq!(machine.said("grep -c older /usr/local/share/peermon/installed || true"), "0\n");
    // What depends on more than the version stays.
    assert!(machine.path("/etc/cron.d/peermon-health").exists() && machine.path("/etc/init.d/peermon").exists());
    let whole = machine.snapshot(CHANGEABLE);
    assert_eq!(install(&machine, "").code, Some(0));
    assert_eq!(machine.snapshot(CHANGEABLE), whole);
}

#[test]
fn broken_settings_stop_no_daemon_at_an_upgrade() {
    let Some(machine) = machine() else { return };
    install(&machine, "");
    let daemons = machine.daemons();
    machine.said("cp /mnt/peermon /mnt/good && cp /etc/peermon/peermon.toml /mnt/good.toml");
    machine.said("echo newer >>/mnt/peermon && printf '[gossip]\nprot = 1\n' >/etc/peermon/peermon.toml");
    let outcome = install(&machine, "");
    assert_eq!((outcome.code, machine.daemons()), (Some(2), daemons.clone()), "{outcome:?}");
    check_contains(&outcome.stderr, &["peermon.toml:2: unknown key 'prot'", "nothing was stopped\nhint: mend that"]);
    machine.said("cmp /mnt/good /usr/local/bin/peermon");
    assert_eq!(machine.said("peermon query 2>/dev/null"), "ada\n");
    machine.said("cp /mnt/good.toml /etc/peermon/peermon.toml");
    assert_eq!(install(&machine, "").code, Some(0));
    let now = machine.daemons();
    assert!(now.len() == 1 && now != daemons, "{daemons:?}, then {now:?}");
    machine.said("cmp /mnt/peermon /usr/local/bin/peermon");
}

#[test]
fn a_new_program_that_does_not_serve_gives_way_to_the_one_of_before() {
    let Some(machine) = machine() else { return };
    install(&machine, "");
    machine.said("cp /mnt/peermon /mnt/good");
    fs::write(machine.path("/mnt/peermon"), "#!/bin/sh\n[ \"$1\" = --version ] || { echo broken >&2; exit 1; }\n")
        .unwrap();
    let outcome = install(&machine, "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    check_contains(&outcome.stderr, &["the new daemon does not answer", "the one of before runs again\nhint: "]);
    machine.said("cmp /mnt/good /usr/local/bin/peermon");
    assert_eq!(machine.offered(), "ada\n");
    machine.said("cp /mnt/good /mnt/peermon && echo newer >>/mnt/peermon");
    assert_eq!(install(&machine, "").code, Some(0));
    machine.said("cmp /mnt/peermon /usr/local/bin/peermon");
}

/// A program that stands in for another: the one whose number is in /mnt/stop ends the whole installation before it does its work.
fn stop_before(machine: &Machine, tool: &str) {
    let real = machine.said(&format!("command -v {tool}"));
    let lines = format!(
        "count=$(($(cat /mnt/count) + 1)); echo $count >/mnt/count; [ $count != \"$(cat /mnt/stop)\" ] || kill -9 0\nexec {} \"$@\"\n",
        real.trim()
    );
    machine.stand_in(tool, &lines);
}

#[test]
fn wherever_an_installation_is_interrupted_the_next_one_mends_it() {
    let Some(machine) = machine() else { return };
    let options = "--new-key --cron --port 2288 --no-start";
    // What has a new key in it, or a time, differs from run to run; the rest must not.
    let files = || -> BTreeSet<String> {
        machine
            .said("find /usr/local /etc /run -printf '%p %M %u:%g %l\n' | grep -v '^/etc/[a-z]*[-.]'")
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let before = files();
    assert_eq!(install(&machine, options).code, Some(0));
    let (whole, settings) = (files(), machine.said("cat /etc/peermon/peermon.toml /etc/peermon/machines.txt"));
    assert_eq!(install(&machine, "--uninstall --purge").code, Some(0));
    assert_eq!(files(), before, "and uninstalling takes all of it away");
    for tool in ["mv", "mkdir", "ln", "chmod", "chgrp", "useradd", "groupadd", "update-rc.d"] {
        stop_before(&machine, tool);
    }
    let mut stopped = 0;
    // Steps are many and much alike: the first, then each eleventh, of which no kind is left out.
    for stop in (1..).step_by(11) {
        machine.said(&format!("echo 0 >/mnt/count; echo {stop} >/mnt/stop"));
        let outcome =
            machine.shell(&format!("PEERMON_BINARY=/mnt/peermon setsid -w dash '{SOURCE}/install.sh' {options}"));
        machine.said("echo never >/mnt/stop");
        if outcome.code == Some(0) {
            break;
        }
        stopped += 1;
        let outcome = install(&machine, options);
        let differences: Vec<String> = files().symmetric_difference(&whole).cloned().collect();
        assert_eq!((outcome.code, differences), (Some(0), vec![]), "interrupted at step {stop}: {outcome:?}");
        assert_eq!(machine.said("cat /etc/peermon/peermon.toml /etc/peermon/machines.txt"), settings);
        assert_eq!(install(&machine, "--uninstall --purge").code, Some(0));
        assert_eq!(files(), before, "interrupted at step {stop}");
    }
    assert!(stopped > 5, "{stopped}");
}

#[test]
fn an_upgrade_that_was_interrupted_before_the_restart_is_finished_by_the_next_run() {
    let Some(machine) = machine() else { return };
    install(&machine, "");
    let daemons = machine.daemons();
    machine.said("echo newer >>/mnt/peermon");
    // The last thing before the restart.
    machine.stand_in("update-rc.d", "kill -9 0");
    let outcome = machine.shell(&format!("PEERMON_BINARY=/mnt/peermon setsid -w dash '{SOURCE}/install.sh'"));
    assert_ne!(outcome.code, Some(0));
    assert_eq!(machine.daemons(), daemons, "the old one goes on");
    machine.stand_in("update-rc.d", "");
    assert_eq!(install(&machine, "").code, Some(0));
    let now = machine.daemons();
    assert!(now.len() == 1 && now != daemons, "{daemons:?}, then {now:?}");
}

#[test]
fn uninstalling_keeps_key_and_settings_and_purging_takes_them_too() {
    let Some(machine) = machine() else { return };
    let files =
        || machine.said("find /usr/local /etc /run /opt -printf '%p %M %u:%g %l\n' | grep -v '^/etc/[a-z]*[-.]'");
    let before = files();
    assert_eq!(install(&machine, "--new-key --cron").code, Some(0));
    let outcome = install(&machine, "--uninstall");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:?}");
    check_contains(&outcome.stderr, &["key and settings stay in /etc/peermon"]);
    assert_eq!(machine.daemons(), Vec::<String>::new());
    assert_eq!(machine.said("ls /etc/peermon"), "gossip.key\nmachines.txt\npeermon.toml\nvalid_ips.txt\n");
    let again = install(&machine, "--uninstall");
    assert_eq!(again.code, Some(1));
    check_contains(&again.stderr, &["peermon is not installed here", "\nhint: "]);
    let outcome = install(&machine, "--uninstall --purge");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(files(), before);
    assert_ne!(machine.shell("id peermon").code, Some(0));
    // A user that somebody else made is not ours to remove.
    machine.said("useradd --system --comment 'a person' peermon");
    assert_eq!(install(&machine, "").code, Some(0));
    assert_eq!(install(&machine, "--uninstall --purge").code, Some(0));
    machine.said("id peermon");
}

#[test]
fn a_user_of_the_old_manual_gets_its_group() {
    let Some(machine) = machine() else { return };
    machine.said("useradd --system --gid nogroup peermon");
    assert_eq!(install(&machine, "--new-key").code, Some(0));
    assert_eq!(machine.said("id -gn peermon"), "peermon\n");
}

/// busybox' tools, which have options of their own, by means of those that were there.
const BUSYBOX: &str = r#"
set -e
mkdir /mnt/shadow
cd /usr/sbin
mv useradd groupadd userdel groupdel /mnt/shadow/
rm -f usermod adduser addgroup deluser delgroup
tool() {
    cat >"$1" && chmod 755 "$1"
}
tool addgroup <<'END'
#!/bin/sh
[ $# = 2 ] && [ "$1" = -S ] && exec /mnt/shadow/groupadd --system "$2"
END
tool adduser <<'END'
#!/bin/sh
while getopts SDHh:s:G:g: option; do
    case $option in
    h) home=$OPTARG ;;
    s) shell=$OPTARG ;;
    G) group=$OPTARG ;;
    g) comment=$OPTARG ;;
    \?) exit 1 ;;
    esac
done
shift $((OPTIND - 1))
exec /mnt/shadow/useradd --system --gid "$group" --home-dir "$home" --shell "$shell" --comment "$comment" "$1"
END
tool deluser <<'END'
#!/bin/sh
[ $# = 1 ] && exec /mnt/shadow/userdel "$1"
END
tool delgroup <<'END'
#!/bin/sh
[ $# = 1 ] && exec /mnt/shadow/groupdel "$1"
END
"#;

#[test]
fn where_there_is_only_busybox_it_makes_the_user() {
    let Some(machine) = machine() else { return };
    machine.said(BUSYBOX);
    let outcome = install(&machine, "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    check_contains(&machine.said("grep ^peermon: /etc/passwd"), &[":peermon daemon:/nonexistent:/sbin/nologin"]);
    assert_eq!(machine.said("id -gn peermon"), "peermon\n");
    assert_eq!(install(&machine, "--uninstall --purge").code, Some(0));
    assert_eq!(machine.said("grep -c ^peermon: /etc/passwd /etc/group || true"), "/etc/passwd:0\n/etc/group:0\n");
}

#[test]
fn a_dry_run_prints_each_step_and_takes_none() {
    let Some(machine) = machine() else { return };
    let before = machine.snapshot(CHANGEABLE);
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env PEERMON_BINARY=/mnt/peermon dash";
    let steps =
        machine.said(&format!("{nobody} '{SOURCE}/install.sh' --dry-run --new-key --cron --join n1 --interval 3"));
    for step in [
        "groupadd --system peermon",
        "useradd --system --gid peermon ",
        "install -m 755 /mnt/peermon /usr/local/bin/peermon",
        "/usr/local/bin/peermon daemon --check",
        "ln -s peermon /usr/local/bin/smarterSSH",
        "write /usr/local/lib/systemd/system/peermon.service, mode 644",
        "write /etc/init.d/peermon, mode 755",
        "write /etc/cron.d/peermon-health, mode 644",
        "write /etc/peermon/machines.txt",
        "/etc/peermon/machines.txt: n1",
        "/etc/peermon/peermon.toml: [gossip] interval = 3",
        "/mnt/peermon keygen /etc/peermon/gossip.key",
        "/etc/peermon/peermon.toml: [gossip] require_key = true",
        "/etc/init.d/peermon start",
    ] {
        assert!(steps.lines().any(|line| line.starts_with(step)), "{step}: {steps}");
    }
    assert_eq!(steps.lines().count(), steps.lines().collect::<BTreeSet<_>>().len(), "nothing is said twice: {steps}");
    assert_eq!(machine.snapshot(CHANGEABLE), before);
    install(&machine, "");
    let before = machine.snapshot(CHANGEABLE);
    check_contains(
        &install(&machine, "--dry-run --uninstall --purge").stdout,
        &["rm -f /usr/local/bin/peermon\n", "userdel peermon\n"],
    );
    assert_eq!((machine.snapshot(CHANGEABLE), machine.daemons().len()), (before, 1));
}

#[test]
fn below_destdir_nothing_outside_is_touched_and_no_root_is_needed() {
    let Some(machine) = machine() else { return };
    let before = machine.snapshot(CHANGEABLE);
    machine.said("cp /mnt/peermon /mnt/binary && chmod 755 /mnt/binary && mkdir -m 777 /mnt/build");
    machine.said("(umask 077; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >/mnt/k; chown 65534 /mnt/k)");
    let line = |arguments: &str| {
        let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env PEERMON_BINARY=/mnt/binary";
        machine.shell(&format!("{nobody} dash '{SOURCE}/install.sh' --destdir '/mnt/build/my image' {arguments}"))
    };
    let outcome = line("--prefix /usr --cron --key-file /mnt/k --port 2288");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:?}");
    check_contains(&outcome.stderr, &["nothing was started", "chgrp peermon /etc/peermon/gossip.key"]);
    let files = machine.files("/mnt/build/my image");
    for file in [
        "usr/bin/peermon",
        "usr/lib/systemd/system/peermon.service",
        "usr/share/man/man1/peermon.1",
        "etc/init.d/peermon",
        "etc/cron.d/peermon-health",
        "etc/peermon/gossip.key",
    ] {
        assert!(files.contains(file), "{file}: {files:?}");
    }
    assert!(!files.iter().any(|file| file.contains("unfinished") || file.ends_with(".peermon-new")), "{files:?}");
    assert_eq!(machine.snapshot(CHANGEABLE), before);
    let image = machine.snapshot("'/mnt/build/my image'");
    assert_eq!(line("--prefix /usr --cron --key-file /mnt/k --port 2288").code, Some(0));
    assert_eq!(machine.snapshot("'/mnt/build/my image'"), image);
    assert_eq!(line("--prefix /usr --uninstall --purge").code, Some(0));
    assert_eq!(machine.snapshot(CHANGEABLE), before);
    assert!(!machine.files("/mnt/build/my image").iter().any(|file| file.contains("peermon")));
}

#[test]
fn other_folders_are_passed_on_to_unit_script_and_daemon() {
    let Some(machine) = machine() else { return };
    machine.said("mount -t tmpfs tmpfs /opt");
    let Outcome { stdout, stderr, code } =
        install(&machine, "--prefix /opt/peermon --sysconfdir /opt/etc --client-port 2981 --new-key");
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let unit = machine.said("cat /etc/systemd/system/peermon.service");
    check_contains(
        &unit,
        &["\nExecStart=/opt/peermon/bin/peermon daemon\n", "\nEnvironment=PEERMON_CONFIG_DIR=/opt/etc/peermon\n"],
    );
    assert!(!unit.contains("/etc/peermon/peermon.toml") || unit.contains("/opt/etc/peermon/peermon.toml"), "{unit}");
    check_contains(
        &machine.said("cat /etc/init.d/peermon"),
        &["\nPEERMON=/opt/peermon/bin/peermon\nCONFIG=/opt/etc/peermon\n"],
    );
    machine.said("/etc/init.d/peermon restart");
    let asked = "PEERMON_CONFIG_DIR=/opt/etc/peermon /opt/peermon/bin/peermon query --status --json";
    check_contains(&machine.said(asked), &[r#""keyed":true"#]);
    assert!(machine.files("/run/peermon").contains("2981.sock"));
    assert!(!machine.path("/etc/peermon").exists() && !machine.path("/usr/local/bin/peermon").exists());
    assert_eq!(install(&machine, "--prefix /opt/peermon --sysconfdir /opt/etc --uninstall --purge").code, Some(0));
    assert_eq!(machine.files("/opt"), BTreeSet::new());
}

/// As much of `systemctl` as install.sh needs: runs the daemon as the unit says.
const SYSTEMCTL: &str = r#"
echo "$*" >>/mnt/calls
unit=/usr/local/lib/systemd/system/peermon.service
stop() {
    [ ! -f /mnt/pid ] || kill "$(cat /mnt/pid)"
    rm -f /mnt/pid
}
case $1 in
stop | disable) stop ;;
restart)
    stop
    sleep 0.3
    install -d -o peermon -g peermon -m 755 /run/peermon
    setsid setpriv --reuid=peermon --regid=peermon --clear-groups $(sed -n 's/^ExecStart=//p' $unit) </dev/null >/mnt/log 2>&1 &
    echo $! >/mnt/pid
    ;;
esac
"#;

#[test]
fn where_systemd_is_process_1_its_unit_is_enabled_and_started() {
    let Some(machine) = machine() else { return };
    machine.stand_in("systemctl", SYSTEMCTL);
    machine.said("mkdir -p /run/systemd/system");
    let outcome = install(&machine, "--cron");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    assert_eq!(
        machine.said("cat /mnt/calls"),
        "daemon-reload\nenable --quiet peermon.service\nstop peermon.service\nrestart peermon.service\n"
    );
    assert!(!machine.path("/etc/init.d/peermon").exists(), "one way to start it is enough");
    assert!(!machine.path("/etc/cron.d/peermon-health").exists(), "systemd has a watchdog");
    assert_eq!(machine.said("stat -c %U /run/peermon/1981.sock"), "peermon\n");
    machine.said("rm /mnt/calls");
    assert_eq!(install(&machine, "").code, Some(0));
    assert_eq!(
        machine.said("cat /mnt/calls"),
        "daemon-reload\nenable --quiet peermon.service\n",
        "nobody is disturbed"
    );
    assert_eq!(install(&machine, "--uninstall --purge").code, Some(0));
    check_contains(&machine.said("cat /mnt/calls"), &["disable --now --quiet peermon.service\n"]);
    assert_eq!(machine.daemons(), Vec::<String>::new());
}

#[test]
fn private_daemons_of_users_are_left_alone() {
    let Some(machine) = machine() else { return };
    install(&machine, "");
    machine.said(
        "useradd -m ben && exec </dev/null >/dev/null 2>&1 &&
         setsid setpriv --reuid=ben --regid=ben --clear-groups env HOME=/home/ben peermon daemon -u -p 3000 -l 3000 & sleep 1",
    );
    assert_eq!(machine.daemons().len(), 2);
    machine.said("echo newer >>/mnt/peermon");
    assert_eq!(install(&machine, "").code, Some(0));
    assert_eq!(machine.daemons().len(), 2);
    assert_eq!(install(&machine, "--uninstall").code, Some(0));
    assert_eq!(machine.daemons().len(), 1);
}

#[test]
fn under_sudo_it_is_the_user_who_builds_with_the_users_rust() {
    let Some(machine) = machine() else { return };
    machine.said(
        "useradd --create-home --home-dir /mnt/ben ben && mkdir -p /mnt/ben/.cargo/bin && mkdir -m 777 /mnt/built",
    );
    for (name, lines) in [
        ("rustc", "echo 'rustc 1.87.0 (0123456789 2025-01-01)'"),
        (
            "cargo",
            "case $1 in build) id -un >/mnt/built/by && mkdir -p /mnt/built/release && cp /mnt/peermon /mnt/built/release/ ;;
             metadata) echo '{\"target_directory\":\"/mnt/built\"}' ;; esac",
        ),
        ("cc", ""),
    ] {
        machine.stand_in(name, lines);
        machine.said(&format!("mv /mnt/stand-ins/{name} /mnt/ben/.cargo/bin/"));
    }
    machine.said("mv /mnt/ben/.cargo/bin/cc /mnt/stand-ins/");
    let path = "PATH=/mnt/stand-ins:/usr/sbin:/usr/bin:/sbin:/bin";
    let outcome = machine.install_with(&format!("{path} SUDO_USER=ben"), "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(machine.said("cat /mnt/built/by"), "ben\n");
    assert_eq!(machine.offered(), "ada\n");
}
