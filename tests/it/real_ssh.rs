//! smarterSSH and `ssh lab` with the real ssh and real sshds: a machine of its own, on which a demo's daemons run and each of
//! their hosts has an sshd with a host key of its own. ssh refuses every key that is not known by the host's name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Outcome;
use crate::machine::Machine;
use crate::skip;

/// Keys, known hosts, the settings of ssh and an sshd for each of node1 to node3, at 127.0.0.2 to 127.0.0.4. ssh takes its
/// home from the account, so the machine's home stands there.
const SET_UP: &str = r#"
set -e
chmod 755 "$HOME"
mount --bind "$HOME" ~root
mkdir -m 700 "$HOME/.ssh"
mkdir -p /run/sshd /tmp/sshd
cd /tmp/sshd
ssh-keygen -q -t ed25519 -N '' -f userkey
for n in 1 2 3; do
    ssh-keygen -q -t ed25519 -N '' -f "key$n"
    echo "node$n $(cut -d' ' -f1,2 "key$n.pub")" >>"$HOME/.ssh/known_hosts"
    cat >"config$n" <<END
ListenAddress 127.0.0.$((n + 1))
HostKey /tmp/sshd/key$n
PidFile /tmp/sshd/pid$n
AuthorizedKeysFile /tmp/sshd/userkey.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 100
SetEnv SERVER=node$n
Subsystem sftp internal-sftp
END
    /usr/sbin/sshd -f "/tmp/sshd/config$n" -E "/tmp/sshd/log$n"
done
cat >"$HOME/.ssh/config" <<END
Host *
    IdentityFile /tmp/sshd/userkey
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking yes
END
chmod 600 "$HOME/.ssh/config" userkey
ln -s /mnt/peermon /mnt/stand-ins/peermon
ln -s /mnt/peermon /mnt/stand-ins/smarterSSH
"#;

/// A user of a lab of three hosts that take ssh connections.
pub struct Lab {
    machine: Machine,
    socket: String,
}

impl Lab {
    /// `None`: the test is skipped.
    pub fn new() -> Option<Self> {
        for tool in ["/usr/bin/ssh", "/usr/sbin/sshd", "/usr/bin/scp"] {
            if !fs::exists(tool).unwrap() {
                skip::because(&format!("no {tool} here"));
                return None;
            }
        }
        if !nix::unistd::geteuid().is_root() {
            skip::because("only root can start an sshd that takes root");
            return None;
        }
        let machine = Machine::new("ada")?;
        machine.said(SET_UP);
        machine.said("peermon demo 4 >/tmp/demo 2>&1 &");
        let begin = Instant::now();
        let demo = loop {
            let demo = fs::read_to_string(machine.path("/tmp/demo")).unwrap();
            if demo.contains("Ctrl-C") {
                break demo;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "no demo: {demo}");
            thread::sleep(Duration::from_millis(50));
        };
        let export = demo.lines().find(|line| line.contains("export PEERMON_SOCKET=")).unwrap().trim().to_owned();
        let lab = Self { machine, socket: export };
        while lab.said("peermon query --count") != "3\n" {
            assert!(begin.elapsed() < Duration::from_secs(60), "the demo is not whole");
            thread::sleep(Duration::from_millis(50));
        }
        Some(lab)
    }

    /// Types `line` into a shell.
    pub fn shell(&self, line: &str) -> Outcome {
        self.machine.shell(&format!("{}\n{line}", self.socket))
    }

    /// What `line` prints, where it goes well and says nothing else.
    #[track_caller]
    pub fn said(&self, line: &str) -> String {
        let Outcome { stdout, stderr, code } = self.shell(line);
        assert_eq!((stderr.as_str(), code), ("", Some(0)), "{line}: {stdout}");
        stdout
    }

    /// Nobody listens on the ssh port of `node` any more.
    fn stop(&self, node: u8) {
        self.said(&format!("kill $(cat /tmp/sshd/pid{node})"));
        let gone = format!("for n in $(seq 500); do [ -e /tmp/sshd/pid{node} ] || break; sleep 0.02; done");
        self.said(&gone);
    }

    /// A seed with which `best` is the first of all, whatever the loads are.
    fn seed_for(&self, best: &str) -> u32 {
        let is_best = |seed: &u32| self.said(&format!("peermon ssh -i -r --seed {seed}")).trim() == best;
        (1..100).find(is_best).expect("each is first with some seed")
    }
}

#[test]
fn smarter_ssh_reaches_the_chosen_host_and_its_own_key_is_known() {
    let Some(lab) = Lab::new() else { return };
    for (arguments, server) in [
        ("--exclude node1,node2", "node3"),
        ("--exclude node1,node3 -I", "node2"),
        ("--exclude node2,node3 root@", "node1"),
        ("--exclude node2,node3 -l root -o Port=22", "node1"),
    ] {
        assert_eq!(lab.said(&format!("smarterSSH {arguments} -- 'echo $SERVER'")), format!("{server}\n"));
    }
    // Signals, terminal and exit code are ssh's.
    let outcome = lab.shell("smarterSSH -- exit 42");
    assert_eq!((outcome.stderr.as_str(), outcome.code), ("", Some(42)));
    assert!(lab.said("script -qec \"smarterSSH -t -- tty\" /dev/null").contains("/dev/pts/"));
    // Where the name leads to the host it is left to ssh alone.
    lab.said("echo '127.0.0.3 node2' >/tmp/hosts && mount --bind /tmp/hosts /etc/hosts");
    let printed = lab.said("smarterSSH --exclude node1,node3 --print -- 'echo $SERVER'");
    assert_eq!(printed, "ssh -- node2 'echo $SERVER'\n");
    assert_eq!(lab.said("smarterSSH --exclude node1,node3 -- 'echo $SERVER'"), "node2\n");
}

#[test]
fn where_the_best_host_refuses_or_is_silent_the_next_best_is_taken_and_that_is_said() {
    let Some(lab) = Lab::new() else { return };
    lab.stop(1);
    let seed = lab.seed_for("node1");
    let outcome = lab.shell(&format!("smarterSSH -r --seed {seed} -- 'echo $SERVER'"));
    assert_eq!(outcome.stderr, "smarterSSH: passed over node1: it refuses port 22\n");
    assert!(["node2\n", "node3\n"].contains(&outcome.stdout.as_str()), "{outcome:?}");

    // Dead, as far as anybody can see: whatever is sent to it is lost.
    if lab.shell("nft -v").code == Some(0) {
        lab.said("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c ip daddr 127.0.0.2 drop'");
        let begin = Instant::now();
        let outcome = lab.shell(&format!("smarterSSH -r --seed {seed} -- 'echo $SERVER'"));
        assert_eq!(outcome.stderr, "smarterSSH: passed over node1: it does not answer at port 22\n");
        assert!(["node2\n", "node3\n"].contains(&outcome.stdout.as_str()), "{outcome:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        let outcome = lab.shell("smarterSSH --exclude node2,node3");
        assert!(outcome.stderr.starts_with("smarterSSH: passed over node1: it does not answer"), "{outcome:?}");
        assert_eq!(outcome.code, Some(125));
    }
}

#[test]
fn the_port_and_the_way_are_those_of_sshs_own_settings() {
    let Some(lab) = Lab::new() else { return };
    let outcome = lab.shell("smarterSSH -o Port=2222 --exclude node2,node3");
    assert!(outcome.stderr.contains("node1 takes no ssh connections (tried port 2222)"), "{outcome:?}");
    lab.said("echo '    Port 2223' >>~/.ssh/config");
    let outcome = lab.shell("smarterSSH --exclude node2,node3");
    assert!(outcome.stderr.contains("node1 takes no ssh connections (tried port 2223)"), "{outcome:?}");
    // Through another host nothing can be tried from here, and what is refused here may be open there.
    let outcome = lab.shell("smarterSSH -v --exclude node2,node3 -o ProxyCommand='nc %h 22' --print");
    assert!(outcome.stderr.contains("smarterSSH: no probe: the way goes through ProxyCommand\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
    assert_eq!(lab.said("smarterSSH --exclude node2,node3 -J node2 --print").lines().count(), 1);
}

#[test]
fn ssh_scp_sftp_and_rsync_to_lab_reach_the_best_host_without_a_warning() {
    let Some(lab) = Lab::new() else { return };
    lab.said("peermon ssh-config install --exclude node1,node2");
    assert_eq!(lab.said("ssh lab 'echo $SERVER'"), "node3\n");
    // Whatever comes through now comes through node3.
    lab.stop(1);
    lab.stop(2);
    assert_eq!(lab.said("ssh root@lab -p 22 'echo $SERVER'"), "node3\n");
    lab.said("echo big >/tmp/big.tar; scp -q /tmp/big.tar lab:/tmp/by-scp; scp -q lab:/tmp/by-scp /tmp/back; cmp /tmp/big.tar /tmp/back");
    lab.said("echo 'put /tmp/big.tar /tmp/by-sftp' | sftp -q -b - lab >/dev/null; cmp /tmp/big.tar /tmp/by-sftp");
    if Command::new("rsync").arg("--version").output().is_ok() {
        lab.said("rsync /tmp/big.tar lab:/tmp/by-rsync; cmp /tmp/big.tar /tmp/by-rsync");
    }
    // The plain names are as they were.
    assert_eq!(lab.said("ssh -o HostName=127.0.0.4 -o HostKeyAlias=node3 node3 'echo $SERVER'"), "node3\n");

    lab.said("peermon ssh-config install -r");
    let until_one_was_passed_over =
        "for n in $(seq 60); do ssh lab 'echo $SERVER' 2>>/tmp/said; grep -q passed /tmp/said && break; done";
    let outcome = lab.shell(until_one_was_passed_over);
    assert!(outcome.stdout.lines().all(|line| line == "node3") && !outcome.stdout.is_empty(), "{outcome:?}");
    let said = lab.said("cat /tmp/said");
    let is_named =
        |line: &str| line.starts_with("peermon ssh-config: passed over node") && line.ends_with(": it refuses port 22");
    assert!(!said.is_empty() && said.lines().all(is_named), "{said}");

    let outcome = lab.shell("unset PEERMON_SOCKET; ssh lab");
    assert!(outcome.stderr.contains("no daemon answers") && outcome.stderr.contains("hostname lab"), "{outcome:?}");
    lab.said("peermon ssh-config remove");
    let outcome = lab.shell("ssh lab");
    assert!(!outcome.stderr.contains("peermon") && outcome.stderr.contains("hostname lab"), "{outcome:?}");
}

#[test]
fn a_host_certificate_is_known_by_the_name_of_its_host_whatever_was_typed() {
    let Some(lab) = Lab::new() else { return };
    lab.said(
        "cd /tmp/sshd; ssh-keygen -q -t ed25519 -N '' -f ca
        echo \"@cert-authority node* $(cut -d' ' -f1,2 ca.pub)\" >~/.ssh/known_hosts
        for n in 1 2 3; do
            ssh-keygen -q -s ca -I node$n -h -n node$n key$n.pub
            echo HostCertificate /tmp/sshd/key$n-cert.pub >>config$n
            kill -HUP $(cat pid$n)
        done
        peermon ssh-config install",
    );
    // Until each sshd that was told to read its settings again has done so.
    lab.said(
        "for n in 1 2 3; do for try in $(seq 100); do
            ssh -o HostName=127.0.0.$((n + 1)) -o HostKeyAlias=node$n node$n true 2>/dev/null && break || sleep 0.05
        done; done",
    );
    assert!(lab.said("ssh lab 'echo $SERVER'").starts_with("node"));
    assert!(lab.said("smarterSSH -I -- 'echo $SERVER'").starts_with("node"));
    // A host that shows the certificate of another one is refused.
    lab.said("cp /tmp/sshd/key2-cert.pub /tmp/sshd/key1-cert.pub; cp /tmp/sshd/key2 /tmp/sshd/key1; kill -HUP $(cat /tmp/sshd/pid1)");
    let to_node1 = "ssh -o HostName=127.0.0.2 -o HostKeyAlias=node1 node1 true";
    // While it reads its settings again it takes no connections.
    lab.said(&format!(
        "for try in $(seq 100); do {to_node1} 2>&1 | grep -q 'Certificate invalid' && break; sleep 0.05; done"
    ));
    let outcome = lab.shell("smarterSSH --exclude node2,node3 -- true");
    assert!(
        outcome.code == Some(255) && outcome.stderr.contains("Certificate invalid: name is not a listed principal"),
        "{outcome:?}"
    );
}

#[test]
fn many_ssh_to_lab_at_once_each_know_the_key_of_the_host_they_reach() {
    let Some(lab) = Lab::new() else { return };
    lab.said("peermon ssh-config install -r");
    let all = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do ssh lab 'echo $SERVER' & done; wait";
    let servers = lab.said(all);
    assert_eq!(servers.lines().count(), 12);
    assert!(servers.lines().collect::<BTreeSet<_>>().len() > 1, "{servers}");
    // Each was counted once, wherever it went.
    let pending = lab.said("peermon query --output csv --fields pending");
    let pending: f64 = pending.lines().skip(1).map(|number| number.parse::<f64>().unwrap()).sum();
    assert!(pending > 6.0 && pending <= 12.0, "{pending}");
}
