//! What a daemon says to wrong options and files: stdout, stderr, exit code.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::in_a_lab;
use super::world::{Host, Lab, key};

const SECOND: Duration = Duration::from_secs(1);

/// A daemon that is `prepared` so does not start: nothing on stdout, these lines on stderr (`FOLDER` is its config folder),
/// this exit code.
#[track_caller]
fn refused_with(exit: i32, prepare: impl FnOnce(&mut Host), said: &str) {
    let mut lab = Lab::new(1);
    lab[0].write_config("machines.txt", "");
    prepare(&mut lab[0]);
    let output = lab[0].run_daemon();
    let folder = lab[0].config("").display().to_string();
    let stderr = String::from_utf8(output.stderr).unwrap().replace(folder.trim_end_matches('/'), "FOLDER");
    assert_eq!(without_times(&stderr), said);
    assert_eq!(output.stdout, b"");
    assert_eq!(output.status.code(), Some(exit));
}

#[track_caller]
fn refused(prepare: impl FnOnce(&mut Host), said: &str) {
    refused_with(2, prepare, said);
}

/// A daemon that is `prepared` so starts: it answers, stdout is empty, and these lines are on stderr.
#[track_caller]
fn starts(prepare: impl FnOnce(&mut Host), said: &[&str]) -> Lab {
    let mut lab = Lab::new(1);
    lab[0].write_config("machines.txt", "");
    prepare(&mut lab[0]);
    let started = lab.start();
    lab.expect("it answers", SECOND, started, |lab| {
        if lab[0].run(&["query"]).status.success() { Ok(()) } else { Err("it does not".to_owned()) }
    });
    let folder = lab[0].config("").display().to_string();
    let log = without_times(&lab[0].log().replace(folder.trim_end_matches('/'), "FOLDER"));
    let odd =
        |line: &&str| line.starts_with("WARN ") && !line.contains("this network is open") || line.starts_with("ERROR ");
    let odd: Vec<&str> = log.lines().filter(odd).collect();
    assert_eq!(odd, said);
    assert_eq!(lab[0].out(), "");
    lab
}

/// The lines of a log without the time that begins them.
fn without_times(log: &str) -> String {
    let level = |line: &str| ["ERROR ", "WARN ", "INFO "].iter().find_map(|level| line.find(level));
    log.lines().map(|line| format!("{}\n", &line[level(line).filter(|place| *place < 40).unwrap_or(0)..])).collect()
}

#[test]
fn an_unknown_key_in_the_settings_is_refused_with_file_line_and_the_nearest_name() {
    in_a_lab(|| {
        let hint = "hint: mend that line; man peermon-daemon lists the keys\n";
        let cases = [
            (
                "[gossip]\nprot = 1300\n",
                "FOLDER/peermon.toml:2: unknown key 'prot' in [gossip] (did you mean 'port'?)\n",
            ),
            ("\n\n[hots]\nname = \"a\"\n", "FOLDER/peermon.toml:3: unknown table [hots] (did you mean 'host'?)\n"),
            ("[gossip]\nport = 70000\n", "FOLDER/peermon.toml:2: '70000' is not a port (1 to 65534)\n"),
        ];
        for (settings, said) in cases {
            let said = format!("peermon daemon: {said}{hint}");
            refused(|host| host.write_config("peermon.toml", settings), &said);
        }
    });
}

#[test]
fn bad_lines_in_machines_are_warned_of_with_file_and_line_and_the_rest_is_used() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab[1].start();
        lab[0].write_config(
            "machines.txt",
            "256.256.256.256:1288\n# fine\n-oProxyCommand=x\n10.77.0.2:1288\n10.77.0.2:99999\n",
        );
        lab[0].start();
        let started = Instant::now();
        lab.expect("the good line is used", SECOND, started, |lab| lab.all_offer(&[0, 1]));
        let log = lab[0].log();
        let file = lab[0].config("machines.txt").display().to_string();
        for said in [
            ":1: '256.256.256.256:1288' is neither an address nor a host name; the line is passed over",
            ":3: '-oProxyCommand=x' is neither an address nor a host name; the line is passed over",
            ":5: '99999' is not a port (1 to 65534); the line is passed over",
        ] {
            assert!(log.contains(&format!(" WARN {file}{said}\n")), "{said} is not in\n{log}");
        }
        assert_eq!(lab[0].out(), "");
    });
}

#[test]
fn bad_lines_in_valid_ips_are_warned_of_with_file_and_line_and_the_rest_is_used() {
    in_a_lab(|| {
        let text = "10.77\n256.256.256\n";
        starts(
            |host| host.write_config("valid_ips.txt", text),
            &[
                "WARN FOLDER/valid_ips.txt:2: '256.256.256' is neither an address, a prefix like 130.58.68, nor CIDR like 10.0.0.0/8; the line is passed over",
            ],
        );
    });
}

#[test]
fn valid_ips_without_one_valid_line_are_refused() {
    in_a_lab(|| {
        refused(
            |host| host.write_config("valid_ips.txt", "# the lab\n256.256.256\n"),
            "WARN FOLDER/valid_ips.txt:2: '256.256.256' is neither an address, a prefix like 130.58.68, nor CIDR like 10.0.0.0/8; the line is passed over\n\
             peermon daemon: no line of FOLDER/valid_ips.txt is an address prefix\n\
             hint: a line is a prefix like 130.58.68, or CIDR like 10.0.0.0/8\n",
        );
    });
}

/// Root reads and writes everything; without these capabilities it is as anybody else.
const LIKE_ANYBODY: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

#[test]
fn a_key_file_that_cannot_be_used_is_refused_with_what_mends_it() {
    in_a_lab(|| {
        let write = |host: &mut Host, text: &str, mode: u32| {
            host.write_config("gossip.key", text);
            fs::set_permissions(host.config("gossip.key"), Permissions::from_mode(mode)).unwrap();
        };
        refused(
            |host| {
                write(host, &key(1), 0o000);
                host.wrapper = LIKE_ANYBODY.map(str::to_owned).to_vec();
            },
            "peermon daemon: cannot read FOLDER/gossip.key: Permission denied (os error 13)\n\
             hint: chmod 600 FOLDER/gossip.key\n",
        );
        refused(
            |host| write(host, &key(1), 0o644),
            "peermon daemon: FOLDER/gossip.key is open to others (mode 0644)\nhint: chmod 600 FOLDER/gossip.key\n",
        );
        refused(
            |host| write(host, "0123456789abcdef\n", 0o600),
            "peermon daemon: FOLDER/gossip.key: line 1: a key is 64 hex digits, and this line has 16 characters\n\
             hint: peermon keygen FILE makes a key file; copy it to every host\n",
        );
        refused(
            |host| fs::create_dir(host.config("gossip.key")).unwrap(),
            "peermon daemon: FOLDER/gossip.key is not a regular file\nhint: peermon keygen FILE makes a key file\n",
        );
        refused(
            |host| host.give(&["--key-file", "config/peermon/none.key"]),
            "peermon daemon: there is no key file FOLDER/none.key\nhint: peermon keygen FOLDER/none.key\n",
        );
        refused(
            |host| host.write_config("peermon.toml", "[gossip]\nrequire_key = true\n"),
            "peermon daemon: there is no key, and require_key is set (tried FOLDER/gossip.key)\n\
             hint: peermon keygen FOLDER/gossip.key\n",
        );
    });
}

/// What is said of a value, and the option it stands behind.
fn complaint(what: &str, option: &str) -> String {
    format!("peermon daemon: {what} ({option})\nhint: peermon daemon --help lists all there is\n")
}

#[test]
fn a_port_is_a_number_from_1_to_65534() {
    in_a_lab(|| {
        for (letter, option) in [("-p", "--port"), ("-l", "--client-port")] {
            for value in ["0", "65535", "70000", "x", "-1", ""] {
                let said = complaint(&format!("'{value}' is not a port (1 to 65534)"), option);
                refused(|host| host.give(&[letter, value]), &said);
            }
        }
        starts(|host| host.give(&["-p", "65534"]), &[]);
    });
}

#[test]
fn an_interval_is_seconds_from_a_fifth_to_five_minutes_and_zero_or_less_the_default() {
    in_a_lab(|| {
        for value in ["abc", "86400", "0.1", "300.5", "NaN", ""] {
            let what = format!("'{value}' is not an interval in seconds (0.2 to 300; 0 or less: the default)");
            let prepare = |host: &mut Host| {
                host.take("-n");
                host.give(&["-n", value]);
            };
            refused(prepare, &complaint(&what, "--interval"));
        }
        for value in ["-5", "0"] {
            let prepare = |host: &mut Host| {
                host.take("-n");
                host.give(&["-n", value]);
            };
            let lab = starts(prepare, &[]);
            assert_eq!(lab[0].status().unwrap().interval_hundredths, 2_000);
        }
    });
}

#[test]
fn a_machines_file_that_was_named_must_be_there_and_the_usual_one_need_not() {
    in_a_lab(|| {
        refused(
            |host| host.give(&["-f", "config/peermon/none"]),
            "peermon daemon: cannot read FOLDER/none: No such file or directory (os error 2)\n\
             hint: a machines file has one IP:PORT or name a line; -f FILE names another one\n",
        );
        starts(
            |host| fs::remove_file(host.config("machines.txt")).unwrap(),
            &["WARN there is no FOLDER/machines.txt: this host waits until another one says hello"],
        );
    });
}

#[test]
fn a_runtime_folder_that_is_read_only_leaves_tcp_to_clients_and_without_tcp_is_an_error() {
    in_a_lab(|| {
        let read_only = |host: &mut Host| {
            fs::set_permissions(host.folder.join("run"), Permissions::from_mode(0o500)).unwrap();
            host.wrapper = LIKE_ANYBODY.map(str::to_owned).to_vec();
        };
        let mut lab = Lab::new(1);
        lab[0].write_config("machines.txt", "");
        read_only(&mut lab[0]);
        let folder = lab[0].folder.join("run/peermon").display().to_string();
        // Not the usual port: /tmp is this machine's own, and a daemon of the user who runs this may have its socket there.
        lab[0].give(&["-l", "1990"]);
        let begin = Instant::now();
        lab[0].start();
        lab.expect("clients find it at TCP", SECOND, begin, |lab| {
            let output = lab[0].run(&["query", "-p", "1990"]);
            if output.stdout == b"host-1\n" {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        });
        let said = format!(
            "WARN no client socket (cannot make {folder}: Permission denied (os error 13)): clients use 127.0.0.1:1990\n"
        );
        assert!(without_times(&lab[0].log()).contains(&said), "{}", lab[0].log());
        lab[0].kill();
        lab[0].give(&["--no-tcp"]);
        let output = lab[0].run_daemon();
        let said = format!(
            "peermon daemon: cannot make {folder}: Permission denied (os error 13)\n\
             hint: without --no-tcp clients can use TCP instead\n"
        );
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
    });
}

#[test]
fn a_datagram_size_is_a_number_from_508_to_1400() {
    in_a_lab(|| {
        for value in ["100", "507", "1401", "-1", "big"] {
            let said = complaint(&format!("'{value}' is not a datagram size in bytes (508 to 1400)"), "--max-datagram");
            refused(|host| host.give(&["--max-datagram", value]), &said);
        }
        starts(|host| host.give(&["--max-datagram", "508"]), &[]);
        starts(|host| host.give(&["--max-datagram", "1400"]), &[]);
    });
}

#[test]
fn an_address_that_no_interface_has_cannot_be_advertised() {
    in_a_lab(|| {
        let hint = "hint: ip address lists the interfaces and their addresses\n";
        refused(
            |host| host.give(&["--advertise", "192.0.2.7"]),
            &format!("peermon daemon: no interface has the address 192.0.2.7\n{hint}"),
        );
        refused(
            |host| host.give(&["--interface", "eth7"]),
            &format!("peermon daemon: there is no interface 'eth7' that is up\n{hint}"),
        );
    });
}
