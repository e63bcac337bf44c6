//! docs/recipes.md: its commands work, in a lab of real daemons and real sshds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::readme::{Block, blocks};
use crate::real_ssh::Lab;
use crate::skip;

/// What a reader has around: names that lead somewhere, files, a repository, and the leave to be root.
const READER: &str = r#"
printf '127.0.0.1 ada\n127.0.0.2 node1\n127.0.0.3 node2\n127.0.0.4 node3\n' >/tmp/hosts
mount --bind /tmp/hosts /etc/hosts
mkdir -p /tmp/reader/results
cd /tmp/reader
echo big >big.tar
echo 42 >results/answer
mkdir -p ~/.parallel
touch ~/.parallel/will-cite
mount -t tmpfs tmpfs /srv
git init -q --bare /srv/thesis.git
ln -sf /mnt/peermon /mnt/stand-ins/autoMPIgen
"#;

const BEFORE: &str = "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\ncd /tmp/reader";

fn recipes() -> Vec<Block> {
    blocks(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md")).unwrap())
}

#[test]
fn every_recipe_works() {
    for tool in ["rsync", "git", "clush", "parallel", "mpirun", "mpiexec.hydra"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return skip::because(&format!("no {tool} here"));
        }
    }
    let Some(lab) = Lab::new() else { return };
    lab.said(READER);
    for block in recipes().iter().filter(|block| block.kind == "sh") {
        let lines = block.lines.join("\n");
        let outcome = lab.shell(&format!("{BEFORE}\nset -e\n{lines}"));
        assert_eq!(outcome.code, Some(0), "{lines}\n{outcome:?}");
        let expected: &[&str] = match lines.split(' ').next().unwrap() {
            "clush" => &["node1: node1", "node2: node2", "node3: node3"],
            "peermon" if lines.contains("parallel") => &["one on node", "four on node"],
            "autoMPIgen" => &["ada\nada\nada\nada\nada\nada\nada\nada\nada\nada\nada\nada\n"],
            _ => &[],
        };
        assert!(expected.iter().all(|line| outcome.stdout.contains(line)), "{lines}\n{outcome:?}");
    }
    assert_eq!(lab.said("cat /tmp/results/answer"), "42\n");
}

#[test]
fn connections_that_share_a_master_stay_on_one_host() {
    let Some(lab) = Lab::new() else { return };
    let settings = recipes().into_iter().find(|block| block.kind == "ssh_config").unwrap().lines.join("\n");
    lab.said(&format!("peermon ssh-config install -r\ncat >>~/.ssh/config <<'END'\n{settings}\nEND"));
    // The first one stays in the background, and must not keep what this test reads.
    let all = "for n in 1 2 3 4 5 6 7 8; do ssh lab 'echo $SERVER' 2>/dev/null; done; ssh -O exit lab 2>/dev/null";
    let outcome = lab.shell(all);
    assert_eq!(outcome.stdout.lines().count(), 8, "{outcome:?}");
    assert_eq!(outcome.stdout.lines().collect::<BTreeSet<_>>().len(), 1, "{outcome:?}");
}
