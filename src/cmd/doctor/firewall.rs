//! Which command opens the UDP ports on this host: of ufw, firewalld, nft or iptables, whichever is in charge.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::os::{privileges, tool};

/// A firewall's tool that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The one in charge, and the older one beside it.
const IPTABLES: [&str; 2] = ["iptables", "iptables-legacy"];

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
    let rules = tool::ask("nft", &["list", "ruleset"], PATIENCE);
    if let Some(chain) = rules.as_deref().and_then(blocking_chain) {
        return format!("nft insert rule {chain} {accept}");
    }
    // nft does not show the rules of the older iptables, which the kernel keeps apart; only root sees either.
    let iptables = IPTABLES.iter().filter(|_| privileges::own_uid() == 0);
    let iptables = iptables.filter_map(|program| Some((program, tool::ask(program, &["-S"], PATIENCE)?)));
    let mut seen = rules.is_some();
    for (program, said) in iptables {
        if keeps_out(&said) {
            return format!("{program} -I INPUT -p udp --dport {port}:{above} -j ACCEPT");
        }
        seen = true;
    }
    if seen {
        return format!("this host's own rules drop nothing: open UDP {port}-{above} in the firewall on the way");
    }
    format!("as root: nft insert rule inet filter input {accept}; sudo peermon doctor names the chain")
}

/// A chain of rules, of nft or iptables.
#[derive(Debug, Default)]
struct Chain<'a> {
    /// Of nft: `FAMILY NAME`.
    table: &'a str,
    name: &'a str,
    /// What comes in passes through it first.
    is_entrance: bool,
    /// It drops or refuses something itself.
    drops: bool,
    /// Where it goes on.
    jumps: Vec<&'a str>,
}

/// The first entrance through which something is lost, in its own chain or in one that it leads to.
fn blocking<'a, 'b>(chains: &'b [Chain<'a>]) -> Option<&'b Chain<'a>> {
    chains.iter().filter(|chain| chain.is_entrance).find(|entrance| {
        let mut passed = vec![*entrance];
        let mut next = 0;
        while let Some(chain) = passed.get(next).copied() {
            let ahead = chains.iter().filter(|to| to.table == chain.table && chain.jumps.contains(&to.name));
            let ahead: Vec<_> = ahead.filter(|to| passed.iter().all(|one| one.name != to.name)).collect();
            passed.extend(ahead);
            next += 1;
        }
        passed.iter().any(|chain| chain.drops)
    })
}

/// `FAMILY TABLE CHAIN` of the first chain in `nft list ruleset` through which what comes in passes, and that drops or
/// refuses something, itself or where it jumps to. Chains that what is sent or forwarded passes through don't count.
fn blocking_chain(rules: &str) -> Option<String> {
    let mut table = "";
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for line in rules.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(['{', ' ']);
        } else if let Some(name) = line.strip_prefix("chain ") {
            chains.push(Chain { table, name: name.trim_end_matches(['{', ' ']), ..Chain::default() });
        } else if ["set ", "map ", "flowtable "].iter().any(|kind| line.starts_with(kind)) {
            // Nothing leads there.
            chains.push(Chain { table, ..Chain::default() });
        } else if let Some(chain) = chains.last_mut() {
            chain.is_entrance |= line.contains("hook input") && line.contains("type filter");
            let unquoted = line.split('"').step_by(2);
            let words: Vec<&str> = unquoted.flat_map(|text| text.split([' ', ';', ',', ':'])).collect();
            // What is only for TCP, as to keep guessers of passwords out, keeps no datagram out.
            let is_other = words.contains(&"tcp") && !words.contains(&"udp");
            chain.drops |= !is_other && words.iter().any(|word| matches!(*word, "drop" | "reject"));
            let jumps = words.windows(2).filter(|pair| !is_other && matches!(pair[0], "jump" | "goto"));
            chain.jumps.extend(jumps.map(|pair| pair[1]));
        }
    }
    blocking(&chains).map(|chain| format!("{} {}", chain.table, chain.name))
}

/// Whether the rules in `iptables -S` drop or refuse something that comes in.
fn keeps_out(rules: &str) -> bool {
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for line in rules.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["-P", name, policy, ..] => {
                chains.push(Chain { name, is_entrance: name == "INPUT", drops: policy == "DROP", ..Chain::default() });
            }
            ["-N", name] => chains.push(Chain { name, ..Chain::default() }),
            ["-A", name, ..] if !line.contains(" -p tcp ") => {
                let jumps = words.windows(2).filter(|pair| matches!(pair[0], "-j" | "-g")).map(|pair| pair[1]);
                let Some(chain) = chains.iter_mut().find(|chain| chain.name == name) else { continue };
                chain.jumps.extend(jumps);
                chain.drops |= ["DROP", "REJECT"].iter().any(|target| chain.jumps.contains(target));
            }
            _ => {}
        }
    }
    blocking(&chains).is_some()
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
        // What is dropped elsewhere, for TCP, or in words only.
        let elsewhere = "\ttype filter hook output priority 0; policy drop;\n";
        for harmless in [elsewhere, "\ttcp dport 22 drop\n", "\tudp dport 53 accept comment \"or drop\"\n"] {
            let chain = if harmless == elsewhere { "output" } else { "input" };
            let hook = if harmless == elsewhere { "" } else { "\ttype filter hook input priority 0; policy accept;\n" };
            let rules = format!("table inet lab {{\n\tchain {chain} {{\n\t{hook}\t{harmless}\t}}\n}}\n");
            assert_eq!(blocking_chain(&rules), None, "{rules}");
        }
    }

    /// As `nft list ruleset` prints what Docker sets up.
    const DOCKER: &str = "\
table ip nat {
	chain DOCKER {
		iifname \"docker0\" counter packets 0 bytes 0 return
	}
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local counter packets 7 bytes 420 jump DOCKER
	}
}
table ip filter {
	chain DOCKER {
		iifname != \"docker0\" oifname \"docker0\" counter packets 0 bytes 0 drop
	}
	chain DOCKER-ISOLATION-STAGE-1 {
		iifname \"docker0\" oifname != \"docker0\" counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-2
		counter packets 0 bytes 0 return
	}
	chain DOCKER-ISOLATION-STAGE-2 {
		oifname \"docker0\" counter packets 0 bytes 0 drop
		counter packets 0 bytes 0 return
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-1
		oifname \"docker0\" counter packets 0 bytes 0 jump DOCKER
	}
	chain INPUT {
		type filter hook input priority filter; policy accept;
		tcp dport 22 counter packets 0 bytes 0 jump f2b-sshd
	}
	chain f2b-sshd {
		ip saddr 192.0.2.7 counter packets 0 bytes 0 drop
	}
}
";

    #[test]
    fn what_docker_does_not_forward_is_not_taken_for_what_is_kept_out() {
        assert_eq!(blocking_chain(DOCKER), None);
        let rule = "\t\ttcp dport 22";
        let strict = DOCKER.replace(rule, &format!("\t\tudp dport 1-65535 drop\n{rule}"));
        assert_eq!(blocking_chain(&strict).as_deref(), Some("ip filter INPUT"));
    }

    #[test]
    fn iptables_keeps_datagrams_out_with_its_policy_a_rule_or_where_one_leads() {
        let docker = "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N DOCKER\n-N lab\n\
                      -A FORWARD -o docker0 -j DOCKER\n-A DOCKER ! -i docker0 -o docker0 -j DROP\n";
        for (rules, keeps) in [
            ("", false),
            ("-A INPUT -p tcp -m tcp --dport 25 -j DROP\n", false),
            ("-A lab -j DROP\n", false),
            ("-A INPUT -i eth0 -j lab\n-A lab -j REJECT --reject-with icmp-port-unreachable\n", true),
            ("-A INPUT -j lab\n-A lab -j lab\n", false),
            ("-A INPUT -p udp -j DROP\n", true),
        ] {
            assert_eq!(keeps_out(&format!("{docker}{rules}")), keeps, "{rules}");
        }
        assert!(keeps_out(&docker.replace("INPUT ACCEPT", "INPUT DROP")));
        assert!(!keeps_out(""));
    }
}
