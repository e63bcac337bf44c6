//! The pages for administrators: docs/admin.md, docs/migration.md, docs/RELEASING.md. Blocks ```` ```sh ```` are typed one after another on a machine
//! of the page's own, where peermon is not installed yet; ```` ```sh not run ```` needs more than one machine, or a release.

use std::fs;
use std::path::Path;

use crate::machine::{Machine, SOURCE};
use crate::readme::{blocks, check_links, check_mentioned};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// Types the page, and checks its links and what it says of commands. How many blocks were run.
#[track_caller]
fn check_page(name: &str) -> Option<usize> {
    let text = page(name);
    check_mentioned(&text);
    check_links(&text, "docs");
    let machine = Machine::of_an_administrator("ada")?;
    machine.stand_in("sudo", r#"exec "$@""#);
    // There is no systemd here: who asks it asks the init script.
    machine.stand_in("systemctl", r#"[ "$2" != peermon ] || exec /etc/init.d/peermon "$1""#);
    // Not every tool takes a space in the name of its folder.
    machine.said(&format!("cp -R '{SOURCE}' /mnt/source"));
    let mut run = 0;
    for block in blocks(&text) {
        match block.kind.as_str() {
            "sh" => {
                let typed = block.lines.join("\n");
                machine.said(&format!("set -e; cd /mnt/source; export PEERMON_BINARY=/mnt/peermon\n{typed}"));
                run += 1;
            }
            "sh not run" | "yaml" => {}
            other => panic!("a block of kind '{other}', which nothing checks"),
        }
    }
    Some(run)
}

#[test]
fn what_the_page_for_administrators_says_can_be_typed() {
    assert!(check_page("admin.md").is_none_or(|run| run >= 8));
}

#[test]
fn what_the_page_on_migration_says_can_be_typed() {
    assert!(check_page("migration.md").is_none_or(|run| run >= 3));
}

#[test]
fn what_the_page_on_releases_says_can_be_typed() {
    for tool in ["rpmbuild", "dpkg-deb"] {
        if std::process::Command::new(tool).arg("--version").output().is_err() {
            return crate::skip::because(&format!("no {tool} here"));
        }
    }
    assert!(check_page("RELEASING.md").is_none_or(|run| run >= 2));
}
