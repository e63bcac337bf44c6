//! What was typed wrongly, where output goes, and by which name the executable is called.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::command::{Outcome, Place, ask, binary, check_failure};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::host;

/// Runs `peermon` with arguments where no daemon is.
#[track_caller]
fn check_refused(arguments: &str, code: i32, what: &str, hint: &str) {
    check_failure(&Place::new().run(arguments), code, what, hint);
}

#[test]
fn no_daemon_or_a_wrong_port_is_exit_3_with_all_that_was_tried() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outcome = place.run(&format!("query -p {free}"));
    let home = place.home.path().display();
    let first = format!("peermon query: no daemon answers (tried {home}/run/peermon/{free}.sock, /tmp/peermon-");
    let last = format!("/{free}.sock, /run/peermon/{free}.sock, 127.0.0.1:{free})");
    assert!(outcome.stderr.starts_with(&first) && outcome.stderr.contains(&last), "{outcome:?}");
    check_failure(&outcome, 3, "no daemon answers", &format!("is {free} what it has as -l?"));
    check_refused("query --socket no/such.sock", 3, "no daemon answers (tried no/such.sock)", "without --socket");
    check_refused("query --status --socket ./none", 3, "no daemon answers (tried ./none)", "without --socket");
}

#[test]
fn an_unknown_option_is_named_with_the_nearest_one() {
    check_refused(
        "query --polcy cpu",
        2,
        "peermon query: unknown option or argument '--polcy'",
        "did you mean '--policy'?",
    );
    check_refused("query --frobnicate", 2, "unknown option or argument '--frobnicate'", "peermon query --help");
    check_refused("query -z", 2, "unknown option or argument '-z'", "peermon query --help");
    check_refused("query node1", 2, "unknown option or argument 'node1'", "peermon query --help");
    check_refused("keygen a b", 2, "unknown option or argument 'b'", "peermon keygen --help");
}

#[test]
fn an_unknown_command_is_named_with_the_nearest_one() {
    check_refused("quer", 2, "peermon: unknown command 'quer'", "did you mean 'query'?");
    check_refused("qeury -n 5", 2, "unknown command 'qeury'", "did you mean 'query'?");
    check_refused("xyzzy", 2, "unknown command 'xyzzy'", "peermon --help");
}

#[test]
fn a_port_out_of_range_is_refused_with_the_range() {
    for port in ["0", "65535", "70000", "x", "-1", "1.5"] {
        check_refused(
            &format!("query -p {port}"),
            2,
            &format!("'{port}' is not a port (1 to 65534) (--port)"),
            "--help",
        );
    }
}

#[test]
fn a_number_of_hosts_is_a_whole_number_from_1_up() {
    for number in ["abc", "-5", "0", "1.5", "4294967296"] {
        let what = format!("'{number}' is not a whole number from 1 up (--num)");
        check_refused(&format!("query -n {number}"), 2, &what, "--help");
    }
    check_refused("query -n", 2, "a value is missing after --num", "--help");
}

#[test]
fn other_values_are_refused_in_words_that_show_them() {
    for (arguments, what) in [
        ("query --policy best", "'best' is no value for --policy"),
        ("query --output xml", "'xml' is no value for --output"),
        ("query --cpu-delta -1", "'-1' is not a difference"),
        ("query --mem-delta 5X", "'5X' is not an amount of memory"),
        ("query --max-age soon", "'soon' is not a number of seconds"),
        ("query --min none", "'none' is not a whole number"),
        ("query --seed x", "'x' is not a seed"),
        ("query --exclude -oProxyCommand=x", "'-oProxyCommand=x': a host name has only"),
        ("query --watch 0", "--watch pauses for 0.1 s at least"),
        ("query --watch soon", "'soon' is not a number of seconds"),
        ("query --socket :", "'' is not a port"),
    ] {
        check_refused(arguments, 2, what, "");
    }
}

#[test]
fn options_that_contradict_each_other_are_named() {
    for (arguments, what) in [
        ("query -c --policy mem", "--policy mem and -c, -m or -r say two things"),
        ("query --json --output csv", "--json does not go with --output"),
        ("query --fold --json", "--fold"),
        ("query --status --all", "--status does not go with --all"),
        ("query --status -c", "--status does not go with --cpu"),
        ("query --explain --json", "--json"),
        ("query -p 5 --socket x", "--socket"),
        ("query --all --all", "--all is there twice"),
    ] {
        check_refused(arguments, 2, what, "");
    }
}

#[test]
fn an_unknown_key_in_the_settings_is_warned_of_and_no_obstacle() {
    let daemon = FakeDaemon::knowing(vec![host("a")]);
    let place = Place::new().with_settings("[client]\nprot = 1990\n\n[choose]\npolicy = \"cpu\"\n");
    let mut command = place.peermon("query");
    let outcome = Outcome::from(command.arg("--socket").arg(daemon.socket()).output().unwrap());
    let file = place.home.path().join(".config/peermon/peermon.toml");
    assert_eq!(
        outcome.stderr,
        format!(
            "peermon query: warning: {}:2: unknown key 'prot' in [client] (did you mean 'port'?)\n",
            file.display()
        )
    );
    assert_eq!((&*outcome.stdout, outcome.code), ("a\n", Some(0)));
}

#[test]
fn a_wrong_value_in_the_settings_is_refused_with_file_and_line() {
    let place = Place::new().with_settings("[client]\n\nport = 70000\n");
    check_failure(&place.run("query"), 2, "/peermon.toml:3: '70000' is not a port (1 to 65534)", "");
}

#[test]
fn flag_environment_and_file_say_which_daemon_in_this_order() {
    let [flag, environment, file] = ["flag", "environment", "file"].map(|name| FakeDaemon::knowing(vec![host(name)]));
    let place = Place::new().with_settings(&format!("[client]\nsocket = \"{}\"\n", file.socket().display()));
    let mut command = place.peermon("query");
    assert_eq!(Outcome::from(command.output().unwrap()).stdout, "file\n");
    command.env("PEERMON_SOCKET", environment.socket());
    assert_eq!(Outcome::from(command.output().unwrap()).stdout, "environment\n");
    command.arg("--socket").arg(flag.socket());
    assert_eq!(Outcome::from(command.output().unwrap()).stdout, "flag\n");
    let outcome = place.peermon("query").env("PEERMON_CLIENT_PORT", "x").output().unwrap().into();
    check_failure(&outcome, 2, "'x' is not a port (1 to 65534) (PEERMON_CLIENT_PORT)", "unset PEERMON_CLIENT_PORT");
}

#[test]
fn the_environment_and_the_files_say_how_to_choose() {
    let hosts = vec![crate::rows::busy("cpu", 0.0, 1, 1), crate::rows::busy("mem", 9.0, 1, 99)];
    let daemon = FakeDaemon::knowing(hosts);
    let place = Place::new().with_settings("[choose]\npolicy = \"mem\"\n");
    let best = |command: &mut std::process::Command| {
        Outcome::from(command.arg("--socket").arg(daemon.socket()).output().unwrap()).stdout
    };
    assert_eq!(best(&mut place.peermon("query -n 1")), "mem\n");
    assert_eq!(best(place.peermon("query -n 1").env("PEERMON_POLICY", "cpu")), "cpu\n");
    assert_eq!(best(place.peermon("query -n 1 -m").env("PEERMON_POLICY", "cpu")), "mem\n");
    let outcome = place.peermon("query").env("PEERMON_POLICY", "best").output().unwrap().into();
    check_failure(&outcome, 2, "'best' is not a policy", "unset PEERMON_POLICY");
}

#[test]
fn a_daemon_is_asked_over_tcp_too() {
    let daemon = FakeDaemon::on_tcp(Answer::Table(Box::new(table(vec![host("a")]))));
    let port = daemon.tcp().port();
    // By the discovery, which looks whose listener it is: mine.
    let found = Place::new().run(&format!("query -p {port}"));
    assert_eq!(found, Outcome { stdout: "a\n".to_owned(), stderr: String::new(), code: Some(0) });
    for place in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(Place::new().run(&format!("query --socket {place}")).stdout, "a\n", "{place}");
    }
}

#[test]
fn the_users_own_daemon_is_found_before_tcp() {
    let daemon = FakeDaemon::knowing(vec![host("mine")]);
    let place = Place::new();
    let folder = place.home.path().join("run/peermon");
    fs::create_dir_all(&folder).unwrap();
    symlink(daemon.socket(), folder.join("1981.sock")).unwrap();
    let mut command = place.peermon("query");
    command.env_remove("PEERMON_CLIENT_PORT");
    assert_eq!(Outcome::from(command.output().unwrap()).stdout, "mine\n");
}

#[test]
fn output_to_a_full_disk_is_an_error() {
    let daemon = FakeDaemon::knowing(vec![host("a")]);
    let socket = daemon.socket();
    for arguments in [
        &format!("query --socket {}", socket.display()),
        &format!("query --json --socket {}", socket.display()),
        "--help",
        "-v",
        "query --help",
        "query --fields help",
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Place::new().peermon(arguments).stdout(full).output().unwrap();
        check_failure(&output.into(), 1, "cannot write the output (No space left on device", "make room");
    }
}

#[test]
fn output_into_a_closed_pipe_is_quiet() {
    let hosts = (0..2000).map(|number| host(&format!("a-rather-long-name-of-a-node-{number}"))).collect();
    let daemon = FakeDaemon::knowing(hosts);
    let socket = daemon.socket();
    let socket = socket.display();
    for arguments in [format!("query --output csv --socket {socket}"), "query --help".to_owned(), "-v".to_owned()] {
        let mut child = Place::new().peermon(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{arguments}");
    }
    let script = format!("{} query --output csv --socket {socket} | head -n 1", binary().display());
    let output = Place::new().program("sh", "-c").arg(script).output().unwrap();
    let outcome = Outcome::from(output);
    assert!(outcome.stdout.starts_with("name,address,") && outcome.stderr.is_empty(), "{outcome:?}");
}

#[test]
fn nothing_typed_is_help_on_stderr_and_exit_2() {
    let outcome = Place::new().run("");
    assert!(outcome.stderr.contains("Usage: peermon <COMMAND>") && outcome.stderr.contains("query"), "{outcome:?}");
    assert_eq!((&*outcome.stdout, outcome.code), ("", Some(2)));
}

#[test]
fn help_and_version_are_data() {
    let version = format!("peermon {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in ["-v", "-V", "--version", "daemon -v", "-v -c"] {
        let outcome = Place::new().run(arguments);
        assert_eq!(outcome, Outcome { stdout: version.clone(), stderr: String::new(), code: Some(0) }, "{arguments}");
    }
    for arguments in ["-h", "--help", "query -h", "query --help", "daemon --help", "keygen -h", "-c -h"] {
        let outcome = Place::new().run(arguments);
        assert!(outcome.stdout.contains("Usage: peermon") && outcome.stderr.is_empty(), "{arguments}: {outcome:?}");
        assert!(!outcome.stdout.contains('\x1b'), "{arguments}: colour in a pipe");
        assert_eq!(outcome.code, Some(0), "{arguments}");
    }
    assert!(Place::new().run("-c -h").stdout.contains("Usage: peermon daemon"), "options without a command");
}

#[test]
fn another_name_is_another_command() {
    let place = Place::new();
    for name in ["smarterSSH", "smarterssh", "SMARTERSSH", "autoMPIgen", "AutoMpiGen"] {
        let link = place.home.path().join(name);
        symlink(binary(), &link).unwrap();
        let outcome = Outcome::from(place.program(&link, "-i -v -n 3").output().unwrap());
        let program = if name.to_lowercase() == "smarterssh" { "smarterSSH" } else { "autoMPIgen" };
        check_failure(&outcome, 3, &format!("{program}: no daemon answers"), "");
    }
    let link = place.home.path().join("peermon-test");
    symlink(binary(), &link).unwrap();
    assert_eq!(Outcome::from(place.program(&link, "-v").output().unwrap()).code, Some(0));
}

#[test]
fn what_a_terminal_would_act_on_never_comes_back_from_an_argument() {
    let outcome = Outcome::from(Place::new().peermon("query").arg("--\x1b[31mred\nline\u{9b}").output().unwrap());
    check_failure(&outcome, 2, "unknown option or argument '--\\u{1b}[31mred\\nline\\u{9b}'", "--help");
    let outcome = ask(&FakeDaemon::knowing(vec![host("a")]), "query -n \u{7}");
    check_failure(&outcome, 2, "is not a whole number", "--help");
}

#[test]
fn an_argument_that_is_no_text_is_refused_in_words() {
    use std::os::unix::ffi::OsStrExt;
    let argument = std::ffi::OsStr::from_bytes(b"--\xff\xfe");
    let outcome = Outcome::from(Place::new().peermon("query").arg(argument).output().unwrap());
    check_failure(&outcome, 2, "peermon query: ", "--help");
    let outcome = Outcome::from(Place::new().peermon("query -n").arg(argument).output().unwrap());
    check_failure(&outcome, 2, "peermon query: ", "--help");
}

/// Set in the inner run of the test below, whose only act is to panic.
const PROBE: &str = "PEERMON_TESTS_PROBE_PANIC";

#[test]
fn a_defect_of_ours_is_two_lines_and_exit_1() {
    if std::env::var_os(PROBE).is_some() {
        peermon::cmd::explain_panics();
        std::thread::spawn(|| panic!("the reason\nof it")).join().unwrap_err();
        return;
    }
    let name = std::thread::current().name().unwrap().to_owned();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name])
        .env(PROBE, "1")
        .output()
        .unwrap();
    let outcome = Outcome { stdout: String::new(), ..output.into() };
    check_failure(&outcome, 1, "peermon: a defect in peermon itself: the reason\\nof it (", "report this line");
}
