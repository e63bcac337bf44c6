//! What the man pages say beyond the options: descriptions, examples, exit codes, files, variables. The examples stand below
//! `--help` too.

use std::fmt::Write;

use super::net::manual as net;

/// A man page, as far as the parser's definitions do not say it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// As in `man peermon-query`.
    pub name: &'static str,
    /// Paragraphs after the one line that `--help` has.
    pub description: &'static [&'static str],
    /// What follows the options.
    pub sections: &'static [Section],
    /// Other pages: name and section.
    pub see_also: &'static [&'static str],
}

/// A heading and what stands under it.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// In capitals.
    pub title: &'static str,
    /// What is set off, and what is said of it.
    pub items: &'static [(&'static str, &'static str)],
}

/// The page of that name.
#[must_use]
pub fn page(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.name == name)
}

/// The examples of a page, as they stand below `--help`.
#[must_use]
pub fn examples(name: &str) -> String {
    let sections = page(name).map_or(&[][..], |page| page.sections);
    let mut text = "Examples:".to_owned();
    for (command, about) in sections.iter().filter(|section| section.title == "EXAMPLES").flat_map(|found| found.items)
    {
        write!(text, "\n  {command}\n          {about}").expect("a String takes all");
    }
    text
}

/// All pages.
pub const PAGES: &[Page] = &[
    PEERMON,
    DAEMON,
    QUERY,
    SSH,
    SSH_CONFIG,
    SSH_CONFIG_INSTALL,
    SSH_CONFIG_REMOVE,
    MPIGEN,
    DNS_UPDATE,
    net::NET,
    net::NET_UP,
    net::NET_STATUS,
    net::NET_DOWN,
    net::NET_ADD,
    net::NET_LOGS,
    KEYGEN,
    DOCTOR,
    DEMO,
    SMARTER_SSH,
    AUTO_MPIGEN,
];

const PEERMON: Page = Page {
    name: "peermon",
    description: &[
        "Every host runs a daemon (peermon-daemon(1)). Each daemon measures how busy its own host is, tells the others straight, and \
         keeps a table of what it has heard. There is no server and no leader. Commands ask the daemon of the host that they are \
         typed on.",
        "Called as smarterSSH or autoMPIgen, in any letter case, it is peermon ssh or peermon mpigen. Options without a command, as in \
         peermon -p 1288 -c, are those of the daemon.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("peermon daemon --user", "a private network, as whoever starts it"),
                ("peermon query", "who is there, and who has room"),
                ("ssh $(peermon query -n 1)", "to the best host"),
            ],
        },
        EXIT_STATUS,
        CLIENT_ENVIRONMENT,
        CLIENT_FILES,
    ],
    see_also: &[
        "peermon-daemon(1)",
        "peermon-query(1)",
        "peermon-net(1)",
        "peermon-keygen(1)",
        "peermon-doctor(1)",
        "peermon-demo(1)",
        "smarterSSH(1)",
        "autoMPIgen(1)",
    ],
};

const DAEMON: Page = Page {
    name: "peermon-daemon",
    description: &[
        "Started by root it becomes user peermon wholly. With --user it runs as whoever starts it, with files of its own: a private network.",
        "It starts from a few peers in a machines file; the others tell of themselves. Without a key the network is open: whoever reaches \
         its UDP port can read it, join it and tell it lies. A key that all hosts share closes it: peermon-keygen(1).",
        "TERM and INT: the others are told at once, and it ends. HUP: machines, valid_ips, key and labels are read again.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("peermon daemon", "as root: the host's own network, with the files of /etc/peermon"),
                ("peermon daemon -p 1288 -c", "a host that uses the data and offers nothing, as a DNS server"),
                ("peermon daemon --user --detach", "a private network, in the background"),
                (
                    "peermon daemon --check && systemctl restart peermon",
                    "as root, after a change: a daemon that serves is not taken down by a slip",
                ),
            ],
        },
        Section {
            title: "SETTINGS",
            items: &[
                (
                    "peermon.toml",
                    "Flags count before the environment, the environment before the file. A daemon refuses a key that it does not \
                     know, with file and line; a client warns and goes on.",
                ),
                (
                    "[gossip]",
                    "port, interval, machines, valid_ips, key_file, network, max_datagram: as the options. require_key = true: without \
                     a key it does not start.",
                ),
                ("[host]", "collector, name, advertise, interface: as the options. labels: a list of KEY=VALUE."),
                (
                    "[client]",
                    "port: the client port, for daemon and clients. tcp = false: as --no-tcp. legacy_port: as --legacy-clients. socket: exactly this daemon, for clients.",
                ),
                ("[choose]", "policy, cpu_delta, mem_delta, max_age, exclude: as the options of peermon-query(1)."),
                ("[ssh]", "program, probe, tries: how peermon-ssh(1) connects."),
                ("[mpigen]", "format: of the host file that peermon-mpigen(1) writes."),
                ("[dns]", "zone, name, count, ttl, server, key_file, hysteresis, min: of peermon-dns-update(1)."),
                ("log", "error, warn, info or debug; outside of all tables."),
            ],
        },
        Section {
            title: "EXIT STATUS",
            items: &[
                ("0", "TERM or INT ended it."),
                ("1", "Any failure that has no code of its own."),
                ("2", "Wrong usage or settings; a port is taken; there is no user peermon."),
            ],
        },
        Section {
            title: "ENVIRONMENT",
            items: &[
                ("PEERMON_LOG", "As --log."),
                ("PEERMON_CONFIG_DIR", "Where the host's own settings lie, instead of /etc/peermon."),
                ("XDG_CONFIG_HOME", "Where the files of --user lie; else ~/.config."),
                ("XDG_RUNTIME_DIR", "Where the socket of --user lies; else, and with --detach, /tmp/peermon-UID."),
            ],
        },
        Section {
            title: "FILES",
            items: &[
                (
                    "/etc/peermon/peermon.toml",
                    "Settings. This and the next three lie in ~/.config/peermon with --user.",
                ),
                (
                    "/etc/peermon/machines.txt",
                    "A few peers to start from, one a line: IP:port, [v6]:port or name, with or without the port.",
                ),
                (
                    "/etc/peermon/valid_ips.txt",
                    "Accepted address prefixes, one a line: 130.58.68, or CIDR. Empty or missing: all.",
                ),
                (
                    "/etc/peermon/gossip.key",
                    "The network's key, up to four of them, one a line; mode 0600, or 0640 with group peermon.",
                ),
                ("/run/peermon/1981.sock", "Where clients find it."),
            ],
        },
    ],
    see_also: &["peermon(1)", "peermon-query(1)", "peermon-keygen(1)"],
};

const QUERY: Page = Page {
    name: "peermon-query",
    description: &[
        "A terminal gets a table, a pipe gets names, best first. Without --all only hosts are shown that any tool may send work to: fresh \
         or late ones that are no collectors and say their load and cores. What is unknown is ? in the table, empty in CSV and null in \
         JSON.",
        "The cost of a host is, by policy: balanced, (load + pending + 1) / cores + 1 / GiB of available memory; cpu, (load + pending) / \
         cores; mem, minus the available memory; random, none; classic, that of PeerMon 1.1. The least is best. Hosts whose costs \
         differ by no more than the delta are equal, and their order is drawn, so that many users do not all go to one host. Pending is \
         work that was sent there from this host in the last minute or two and that its load does not show yet.",
        "-c, -m and -r choose the policies cpu, mem (both: balanced) and random; with --policy classic they choose what that sorts by.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("peermon query", "the table; in a pipe, names, best first"),
                ("peermon query -n 3 -c", "the three hosts with the least load per core"),
                ("peermon query --fold --min 8", "node[1-8,12]; exit code 4 where there are fewer than 8"),
                ("peermon query --json | jq '.nodes[0]'", "all that is known of the best host"),
                ("peermon query --explain", "why they come in this order, and who is left out"),
                ("peermon query --status", "whether the daemon is well"),
                ("peermon query --watch", "the table, every 2 seconds"),
            ],
        },
        Section {
            title: "JSON",
            items: &[
                (
                    "--json",
                    "One object on one line: schema (1), self (the name of this host), interval_seconds, nodes (best first). The names in a node \
                     are those that --fields help lists, and stay as they are.",
                ),
                ("--status --json", "One object of the daemon itself."),
            ],
        },
        EXIT_STATUS,
        CLIENT_ENVIRONMENT,
        CLIENT_FILES,
    ],
    see_also: &["peermon(1)", "peermon-daemon(1)", "smarterSSH(1)", "autoMPIgen(1)"],
};

const SSH: Page = Page {
    name: "peermon-ssh",
    description: &[
        "Picks the best host whose ssh port takes connections and becomes ssh: terminal, signals and exit code are ssh's. The best host is \
         tried first, the next one when it has not answered for 100 ms; better hosts that refuse or are silent are named.",
        "The destination is the host's name. Where the name does not lead to an address that the host tells of itself, ssh gets that \
         address as HostName, and the name as HostKeyAlias: host keys are those of the name.",
        "Who goes to a host is counted there for a minute, so that the next one takes another host, before the first one's job shows \
         in the load. Listing with -i and --print counts nobody.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("smarterSSH", "a shell on the best host"),
                ("smarterSSH alice@ -- make -j8", "a command there, as alice; the exit code is its own"),
                ("smarterSSH -c", "the best host by load per core alone"),
                ("smarterSSH -i -v -n 20", "the twenty best, as a table"),
                ("smarterSSH --print -- uptime", "the command that would be run"),
            ],
        },
        Section {
            title: "EXIT STATUS",
            items: &[
                ("ssh's own", "where ssh was started: the remote command's, or 255."),
                (
                    "125",
                    "Any failure where ssh would have been started: usage, no daemon, no eligible host, no open ssh port.",
                ),
                ("126, 127", "ssh cannot be run; there is no ssh."),
                ("others", "With -i, --print and --explain the codes of peermon-query(1) hold."),
            ],
        },
        Section {
            title: "ENVIRONMENT",
            items: &[(
                "PEERMON_SSH",
                "The program that is run instead of ssh; [ssh] program in peermon.toml does the same.",
            )],
        },
    ],
    see_also: &["peermon-ssh-config(1)", "peermon-query(1)", "ssh(1)", "ssh_config(5)"],
};

const SSH_CONFIG: Page = Page {
    name: "peermon-ssh-config",
    description: &[
        "After peermon ssh-config install, ssh lab, scp, sftp, rsync, git and editors go to the best host by themselves. Nothing stands \
         between you and ssh: while ssh reads its settings it runs peermon, which asks the daemon, tries ssh ports as smarterSSH does, and \
         answers with the host's address as HostName and its name as HostKeyAlias. So each host is known by a key of its own.",
        "Where no daemon answers, or no host can be taken, that is said and ssh goes on with the plain name: it may be one that DNS knows.",
        "Programs that connect several times and want the same host each time need ControlMaster, with the name that was typed (%n) in \
         ControlPath.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("peermon ssh-config install && scp big.tar lab:", "to the best host"),
                ("peermon ssh-config install --name bigmem -m", "another name, by memory"),
                ("ssh -G lab | grep -i host", "where ssh would go now; nobody is counted there"),
                ("peermon ssh-config remove", "as if it had never been"),
            ],
        },
        SSH_CONFIG_FILES,
        EXIT_STATUS,
        CLIENT_ENVIRONMENT,
    ],
    see_also: &[
        "peermon-ssh-config-install(1)",
        "peermon-ssh-config-remove(1)",
        "peermon-ssh(1)",
        "ssh(1)",
        "ssh_config(5)",
    ],
};

const SSH_CONFIG_INSTALL: Page = Page {
    name: "peermon-ssh-config-install",
    description: &[
        "peermon-ssh-config(1) says what it is for. The options are kept, and used whenever ssh asks. Installing again with other options \
         changes them; with the same ones nothing is changed.",
    ],
    sections: &[SSH_CONFIG_FILES],
    see_also: &["peermon-ssh-config(1)", "peermon-query(1)"],
};

const SSH_CONFIG_REMOVE: Page = Page {
    name: "peermon-ssh-config-remove",
    description: &["The line, the drop-ins and, where nothing else was changed since, the backup are taken away."],
    sections: &[SSH_CONFIG_FILES],
    see_also: &["peermon-ssh-config(1)"],
};

const MPIGEN: Page = Page {
    name: "peermon-mpigen",
    description: &[
        "Chooses first and writes then: HOSTFILE is the old file or the new one, never a part of it, and stays as it was where anything \
         fails. Its permissions are kept, and a symbolic link's target is replaced. - is stdout.",
        "Without -s and -q a line is a name alone, as PeerMon 1.1 wrote it; Open MPI then takes as many slots as the host has processor \
         cores.",
        "What was written is counted on the hosts for a minute, so that the next job goes elsewhere: the slots, or the host's cores \
         where a line has no number.",
    ],
    sections: &[Section {
        title: "EXAMPLES",
        items: &[
            ("autoMPIgen -n 20 -q hosts && mpirun --hostfile hosts ./a.out", "the twenty best hosts, all their cores"),
            ("autoMPIgen -n 64 -q -x --exact hosts", "as many of the best hosts as have 64 cores"),
            ("autoMPIgen -n 20 -I -s 4 hosts", "addresses, four slots each"),
            ("SLURM_HOSTFILE=h autoMPIgen -n 4 -q --format slurm h", "for srun --distribution=arbitrary"),
        ],
    }],
    see_also: &["peermon-query(1)", "mpirun(1)"],
};

const DNS_UPDATE: Page = Page {
    name: "peermon-dns-update",
    description: &[
        "One run asks the daemon of this host for the best hosts, reads the addresses that the name has now, and replaces them where \
         others are better: with one update (RFC 2136) of exactly the A and AAAA sets of that one name, which the server makes only \
         if they still are what was read. Everything else at the name stays. It is made to run every minute, from a timer or from cron, \
         beside peermon daemon -p 1288 -c on the name server or anywhere else.",
        "The set is never emptied. Where fewer than --min hosts are eligible, where the daemon hears nobody, started less than two \
         intervals ago, or knows only late figures, the name keeps what it has, and the exit code is 4. Collectors are never published, \
         nor loopback, link-local and multicast addresses; of each host at most one address of each family is, the one that it advertises first.",
        "A published host stays while its cost is no more than 15 % (--hysteresis) above what counts as equal to the newcomer that would take its \
         place (the delta); under the policies cpu and mem the delta alone counts. So the name does not change with every breath of the load.",
        "Nothing is printed where nothing changes, and one line on stderr where something does. Two runs for one name on one host are kept \
         apart by a lock: the second one says so and exits with 0. Runs on two hosts are kept apart by the server: one of them finds that the \
         addresses are not what it read, and begins anew.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                (
                    "peermon dns-update --zone cs.example.edu --n 5",
                    "peermon.cs.example.edu leads to the five best hosts; the server on this host takes updates from it",
                ),
                (
                    "peermon dns-update --zone cs.example.edu --name cslab --key-file /etc/peermon/dns.key",
                    "cslab.cs.example.edu, signed with a key",
                ),
                (
                    "peermon dns-update --zone cs.example.edu --server ns1.example.edu --key-file dns.key --dry-run | nsupdate -k dns.key",
                    "the same by nsupdate",
                ),
                ("peermon dns-update --zone cs.example.edu --explain", "which hosts are good, and who is left out"),
            ],
        },
        Section {
            title: "EXIT STATUS",
            items: &[
                ("0", "Done; also: nothing to change, or another run is at it."),
                ("1", "Any other failure; somebody else changed the name at the same time, twice."),
                (
                    "2",
                    "Wrong usage, settings or key file; the name is an alias (CNAME); NOTZONE or NXDOMAIN from the server.",
                ),
                ("3", "No daemon answers."),
                ("4", "No host is eligible, or fewer than --min, or the daemon cannot know."),
                ("5", "With --strict: fewer hosts than -n."),
                ("6", "The server refuses: REFUSED, NOTAUTH, BADKEY, BADSIG, BADTIME."),
                ("7", "The server does not answer, fails (SERVFAIL), or what answers cannot be believed."),
            ],
        },
        CLIENT_ENVIRONMENT,
        Section {
            title: "FILES",
            items: &[
                (
                    "/etc/peermon/peermon.toml, ~/.config/peermon/peermon.toml",
                    "Settings: [dns] zone, name, count, ttl, server, key_file, hysteresis, min.",
                ),
                (
                    "the key file",
                    "key \"NAME\" { algorithm hmac-sha256; secret \"SECRET\"; }; as tsig-keygen prints it, or hmac-sha256:NAME:SECRET; sha384 and \
                     sha512 too. Nobody but its owner may read it.",
                ),
                (
                    "$XDG_RUNTIME_DIR/peermon/dns-NAME.lock, else /tmp/peermon-UID/dns-NAME.lock",
                    "The lock of one name.",
                ),
            ],
        },
    ],
    see_also: &["peermon-query(1)", "peermon-daemon(1)", "nsupdate(1)", "tsig-keygen(8)"],
};

const KEYGEN: Page = Page {
    name: "peermon-keygen",
    description: &[
        "Who has the key of a network can speak and listen there; nobody else can. The file is made with mode 0600, never in the place of \
         another, and as a whole or not at all; in /etc/peermon it belongs to user peermon, as whom the host's daemon reads it. Every host of the network needs a copy, with a daemon that has read it.",
        "A key is changed without an interruption in three steps, each on all hosts in any order: add the new key to the file, put it \
         first, take the old one out; the daemons read the file again after each. Up to four keys may stand in it.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                (
                    "peermon keygen /etc/peermon/gossip.key",
                    "closes the host's network, once all have it and were restarted",
                ),
                ("peermon keygen ~/.config/peermon/gossip.key", "closes a private network"),
                ("peermon keygen >> gossip.key", "adds a key to a file"),
            ],
        },
        Section {
            title: "EXIT STATUS",
            items: &[("0", "Done."), ("1", "It cannot be written, or the file exists."), ("2", "Wrong usage.")],
        },
    ],
    see_also: &["peermon-daemon(1)"],
};

const DOCTOR: Page = Page {
    name: "peermon-doctor",
    description: &[
        "Twelve checks of this host, its daemon and its network, a line each: ok, warn (it works, and somebody should look at it), \
         FAIL, or skip (it could not be looked at, and another line says why). Below a line that is not well stands what mends it. \
         docs/doctor.md says of each check what it looks at.",
        "It takes two seconds: the daemon asks three peers to send it something from their side, and says hello to the machines of \
         its machines file. Without a daemon it looks at all that can be looked at then.",
        "As root it sees more: whose process has a port, and which firewall rule is in the way.",
    ],
    sections: &[
        Section {
            title: "EXAMPLES",
            items: &[
                ("peermon doctor", "what is wrong here"),
                ("sudo peermon doctor", "the same, with the names of processes and firewall rules"),
                ("peermon doctor --json | jq '.checks[] | select(.verdict != \"ok\")'", "for a monitoring system"),
            ],
        },
        Section {
            title: "EXIT STATUS",
            items: &[
                ("0", "No check failed; some may warn."),
                ("1", "A check failed, as where no daemon answers."),
                ("2", "Wrong usage."),
            ],
        },
        DAEMON_ENVIRONMENT,
        CLIENT_FILES,
    ],
    see_also: &["peermon(1)", "peermon-daemon(1)", "peermon-query(1)"],
};

const DEMO: Page = Page {
    name: "peermon-demo",
    description: &[
        "The daemons are real, each at a loopback address of its own; their machines and loads are invented, and move. One is a \
         collector. They form a network of their own, which nothing else can join.",
        "On a terminal the table is drawn every second, with what to type in a second one; elsewhere it is written once, and then a \
         line every ten seconds. Ctrl-C, TERM and the end of the terminal end all of it, and nothing is left behind.",
    ],
    sections: &[],
    see_also: &["peermon(1)", "peermon-query(1)"],
};

const SMARTER_SSH: Page = Page {
    name: "smarterSSH",
    description: &["Another name of peermon-ssh(1), which says more."],
    sections: &[],
    see_also: &["peermon-ssh(1)", "peermon-query(1)"],
};

const AUTO_MPIGEN: Page = Page {
    name: "autoMPIgen",
    description: &["Another name of peermon-mpigen(1), which says more."],
    sections: &[],
    see_also: &["peermon-mpigen(1)", "peermon-query(1)"],
};

const EXIT_STATUS: Section = Section {
    title: "EXIT STATUS",
    items: &[
        ("0", "Done. Also where nobody reads the output to its end."),
        ("1", "Any other failure, as a full disk."),
        ("2", "Wrong usage or settings."),
        ("3", "No daemon answers."),
        ("4", "No host is eligible, or fewer than --min."),
        ("5", "With --strict: fewer hosts than -n."),
        ("6", "Refused: what answers belongs to somebody who is not trusted."),
        ("7", "The network failed."),
    ],
};

const CLIENT_ENVIRONMENT: Section = Section {
    title: "ENVIRONMENT",
    items: &[
        ("PEERMON_CLIENT_PORT", "As -p."),
        ("PEERMON_SOCKET", "As --socket."),
        ("PEERMON_POLICY", "As --policy."),
        ("PEERMON_CONFIG_DIR", "Where the host's own settings lie, instead of /etc/peermon."),
        ("NO_COLOR", "No colour on terminals."),
    ],
};

/// Of a client that chooses no hosts.
const DAEMON_ENVIRONMENT: Section = Section {
    title: "ENVIRONMENT",
    items: &[
        ("PEERMON_CLIENT_PORT", "As -p."),
        ("PEERMON_SOCKET", "As --socket."),
        ("PEERMON_CONFIG_DIR", "Where the host's own settings lie, instead of /etc/peermon."),
        ("NO_COLOR", "No colour on terminals."),
    ],
};

const SSH_CONFIG_FILES: Section = Section {
    title: "FILES",
    items: &[
        (
            "~/.ssh/config",
            "Gets one line at its top, an Include of the drop-ins. Its mode is kept, and a link stays one.",
        ),
        ("~/.ssh/config.before-peermon", "What was there before, where there was something."),
        ("~/.ssh/peermon/NAME.conf", "The drop-in for a name. Change it by installing again."),
        ("~/.ssh/peermon/picks/", "Where each ssh goes, for a moment."),
    ],
};

const CLIENT_FILES: Section = Section {
    title: "FILES",
    items: &[
        (
            "~/.config/peermon/peermon.toml, /etc/peermon/peermon.toml",
            "Settings; what the first one says counts. peermon-daemon(1) lists the keys.",
        ),
        (
            "$XDG_RUNTIME_DIR/peermon/PORT.sock, /tmp/peermon-UID/PORT.sock, /run/peermon/PORT.sock, 127.0.0.1:PORT",
            "Where the daemon of client port PORT (1981) is looked for, in this order. Only one that runs as root, as user peermon or as \
             whoever asks is believed; another one is named and passed over. --socket believes what it is told.",
        ),
    ],
};
