//! A desk and hosts with an sshd each, all on one machine of the test's own: each host has its own network, processes, host name,
//! `/tmp` and host key, and the home folders are its own or those of all. Users ada, bob and carol have real numbers, and keys that
//! let them in everywhere.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Outcome;
use crate::machine::Machine;
use crate::skip;

/// Whose homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Homes {
    /// Each host has homes of its own.
    Separate,
    /// All hosts and the desk have the same, as by NFS.
    Shared,
}

/// A user: number and name. Carol's number begins where ada's does, as far as ports go.
pub const USERS: [(u32, &str); 3] = [(4_242, "ada"), (4_243, "bob"), (11_242, "carol")];

/// The desk, which is what every host has too: accounts, names, keys, a bridge. The program is without what only a debugger reads.
const DESK: &str = r#"
set -e
mkdir /mnt/lab
cd /mnt/lab
if [ "$(stat -c %s /mnt/peermon)" -gt 20000000 ]; then strip -g /mnt/peermon 2>/dev/null || true; fi
ln -s /mnt/peermon /mnt/stand-ins/peermon
cp /etc/passwd passwd
echo '127.0.0.1 localhost' >hosts
echo '10.9.0.254 desk' >>hosts
mount -t tmpfs -o mode=755 tmpfs /home
for user in 4242:ada 4243:bob 11242:carol; do
    name=${user#*:} number=${user%%:*}
    echo "$name:*:$number:$number:$name:/home/$name:/bin/sh" >>passwd
    mkdir -m 700 "/home/$name" "/home/$name/.ssh"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "/home/$name/.ssh/id_ed25519"
    cp "/home/$name/.ssh/id_ed25519.pub" "$name.pub"
    cat >"/home/$name/.ssh/config" <<END
Host *
    IdentitiesOnly yes
    IdentityFile ~/.ssh/id_ed25519
    StrictHostKeyChecking yes
END
    : >"/home/$name/.ssh/known_hosts"
    chown -R "$number:$number" "/home/$name"
done
mkdir -p /run/sshd
ip link add br0 type bridge
ip address add 10.9.0.254/24 dev br0
ip link set br0 up
for n in $(seq "$1"); do
    echo "10.9.0.$n node$n" >>hosts
    ssh-keygen -q -t ed25519 -N '' -C "node$n" -f "key$n"
    echo "node$n $(cut -d' ' -f1,2 "key$n.pub")" >>known
    cat >"sshd$n" <<END
ListenAddress 10.9.0.$n
HostKey /mnt/lab/key$n
PidFile none
AuthorizedKeysFile /mnt/lab/%u.pub
StrictModes no
UsePAM no
PrintMotd no
MaxStartups 100
END
done
for name in ada bob carol; do cp known "/home/$name/.ssh/known_hosts"; done
mount --bind passwd /etc/passwd
mount --bind hosts /etc/hosts
"#;

/// A host: its number, and whether its homes are its own.
const HOST: &str = r#"
set -e
hostname "node$1"
mount -t tmpfs -o mode=1777 tmpfs /tmp
if [ "$2" = Separate ]; then
    mount -t tmpfs -o mode=755 tmpfs /home
    for user in 4242:ada 4243:bob 11242:carol; do
        mkdir -m 700 "/home/${user#*:}"
        chown "${user%%:*}:${user%%:*}" "/home/${user#*:}"
    done
fi
ip link set lo up
for try in $(seq 500); do ip link show eth0 >/dev/null 2>&1 && break; sleep 0.01; done
ip address add "10.9.0.$1/24" dev eth0
ip link set eth0 up
# As an init: what nobody waits for is waited for here.
exec /usr/sbin/sshd -D -e -f "/mnt/lab/sshd$1" 2>"/mnt/lab/log$1"
"#;

/// Starts a host beside the desk, and lays its cable.
const START: &str = r#"
set -e
unshare --net --mount --uts --pid --fork --kill-child --mount-proc sh -c "$3" sh "$1" "$2" >/dev/null 2>&1 </dev/null &
keeper=$!
for try in $(seq 500); do
    [ "$(readlink "/proc/$keeper/ns/net")" != "$(readlink /proc/self/ns/net)" ] && [ -e "/proc/$keeper/ns/pid_for_children" ] && break
    sleep 0.01
done
for try in $(seq 500); do
    child=$(cat "/proc/$keeper/task/$keeper/children" 2>/dev/null)
    [ -n "$child" ] && break
    sleep 0.01
done
echo $child >"/mnt/lab/pid$1"
ip link add "port$1" type veth peer name eth0 netns "$keeper"
ip link set "port$1" master br0 up
"#;

/// The village. All of it ends with this value.
pub struct Village {
    pub desk: Machine,
    hosts: usize,
}

impl Village {
    /// `None`: the test is skipped.
    pub fn new(hosts: usize, homes: Homes) -> Option<Self> {
        for tool in ["/usr/bin/ssh", "/usr/sbin/sshd", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/setpriv"] {
            if !fs::exists(tool).unwrap() {
                skip::because(&format!("no {tool} here"));
                return None;
            }
        }
        if !nix::unistd::geteuid().is_root() {
            skip::because("only root can start an sshd that lets several users in");
            return None;
        }
        let desk = Machine::new("desk")?;
        let village = Self { desk, hosts };
        village.run("sh", &["-c", DESK, "sh", &hosts.to_string()]);
        for host in 1..=hosts {
            village.run("sh", &["-c", START, "sh", &host.to_string(), &format!("{homes:?}"), HOST]);
        }
        let begin = Instant::now();
        for host in 1..=hosts {
            let log = village.desk.path(&format!("/mnt/lab/log{host}"));
            while !fs::read_to_string(&log).is_ok_and(|log| log.contains("listening on")) {
                assert!(begin.elapsed() < Duration::from_secs(30), "no sshd on node{host}");
                thread::sleep(Duration::from_millis(10));
            }
        }
        Some(village)
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.desk.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// All names, as they are typed.
    pub fn names(&self) -> String {
        (1..=self.hosts).map(|host| format!("node{host}")).collect::<Vec<_>>().join(" ")
    }

    /// `user` types `line` at the desk.
    pub fn types(&self, user: &str, line: &str) -> Outcome {
        self.as_user(user, line).output().unwrap().into()
    }

    /// The same, to be started beside other things.
    pub fn as_user(&self, user: &str, line: &str) -> std::process::Command {
        let number = USERS.iter().find(|(_, name)| *name == user).unwrap().0.to_string();
        let mut command = self.desk.command("setpriv");
        command.args(["--reuid", &number, "--regid", &number, "--clear-groups", "--"]);
        command.args(["env", &format!("HOME=/home/{user}"), "sh", "-c", line]);
        command
    }

    /// `line` at the desk goes well, and prints this. What is said is for people.
    #[track_caller]
    pub fn does(&self, user: &str, line: &str) -> String {
        let outcome = self.types(user, line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome.stdout
    }

    /// Root types `line` on a host.
    pub fn on(&self, host: usize, line: &str) -> Outcome {
        let enter =
            format!("exec nsenter --target \"$(cat /mnt/lab/pid{host})\" --net --mount --uts --pid -- sh -c \"$1\"");
        self.desk.command("sh").args(["-c", &enter, "sh", line]).output().unwrap().into()
    }

    #[track_caller]
    pub fn did_on(&self, host: usize, line: &str) -> String {
        let outcome = self.on(host, line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome.stdout
    }

    /// The daemons of a user on a host: process ids and the moments at which they started.
    pub fn daemons(&self, host: usize, user: &str) -> Vec<String> {
        let number = USERS.iter().find(|(_, name)| *name == user).unwrap().0;
        let line = format!(
            r#"for exe in /proc/[0-9]*/exe; do
                case $(readlink "$exe") in */peermon*) ;; *) continue ;; esac
                folder=${{exe%/exe}}
                [ "$(stat -c %u "$folder")" = {number} ] && sed 's/ .*) / /' "$folder/stat" | cut -d' ' -f1,21
            done; true"#
        );
        self.did_on(host, &line).lines().map(str::to_owned).collect()
    }
}
