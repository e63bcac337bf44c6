//! Which command opens the UDP ports on this host: of ufw, firewalld, nft or iptables, whichever is in charge.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::os::{privileges, tool};

/// A firewall's tool that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What opens `port` and the one above it.
pub(super) fn how_to_open(port: u16) -> String {
    let above = port + 1;
    if fs::read_to_string("/etc/ufw/ufw.conf").is_ok_and(|text| text.lines().any(|line| line.trim() == "ENABLED=yes")) {
        return format!("ufw allow {port}:{above}/udp");
    }
    if Path::new("/usr/bin/firewall-cmd").exists() && tool::ask("firewall-cmd", &["--state"], PATIENCE).is_some() {
        return format!("firewall-cmd --permanent --add-port={port}-{above}/udp && firewall-cmd --reload");
    }
    let accept = format!("udp dport {port}-{above} accept");
    if let Some(rules) = tool::ask("nft", &["list", "ruleset"], PATIENCE) {
        return match blocking_chain(&rules) {
            Some(chain) => format!("nft insert rule {chain} {accept}"),
            None => {
                format!("this host's own nft rules drop nothing: open UDP {port}-{above} in the firewall on the way")
            }
        };
    }
    if privileges::own_uid() == 0 && tool::ask("iptables", &["-S", "INPUT"], PATIENCE).is_some() {
        return format!("iptables -I INPUT -p udp --dport {port}:{above} -j ACCEPT");
    }
    format!("as root: nft insert rule inet filter input {accept}; sudo peermon doctor names the chain")
}

/// `FAMILY TABLE CHAIN` of the first chain in `nft list ruleset` through which what comes in passes, and that drops or
/// refuses something, itself or where it jumps to.
fn blocking_chain(rules: &str) -> Option<String> {
    let mut table = "";
    let mut chain = "";
    let mut input = None;
    let mut drops = false;
    for line in rules.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            (table, input, drops) = (name.trim_end_matches(['{', ' ']), None, false);
        } else if let Some(name) = line.strip_prefix("chain ") {
            chain = name.trim_end_matches(['{', ' ']);
        } else if line.contains("hook input") && line.contains("type filter") {
            input = Some(format!("{table} {chain}"));
            drops |= line.contains("policy drop");
        } else {
            drops |= line.split([' ', ';']).any(|word| matches!(word, "drop" | "reject"));
        }
        if drops && input.is_some() {
            return input;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_named_that_keeps_datagrams_out() {
        let open = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n";
        assert_eq!(blocking_chain(open), None);
        assert_eq!(blocking_chain(""), None);
        let strict = open.replace("policy accept", "policy drop");
        assert_eq!(blocking_chain(&strict).as_deref(), Some("inet filter input"));
        let jumps = "table ip nat {\n\tchain PREROUTING {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t}\n}\n\
                     table ip lab {\n\tchain refuse {\n\t\treject\n\t}\n\tchain in {\n\
                     \t\ttype filter hook input priority 0; policy accept;\n\t\tjump refuse\n\t}\n}\n";
        assert_eq!(blocking_chain(&format!("{open}{jumps}")).as_deref(), Some("ip lab in"));
    }
}
