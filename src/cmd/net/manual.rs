//! What the man pages of `peermon net` say beyond the options.

use crate::cmd::manual::{Page, Section};

/// All of them.
pub(in super::super) const NET: Page = Page {
    name: "peermon-net",
    description: &[
        "A network of your own on machines where you may log in through ssh, and nothing else: no root, nothing installed there before. \
         Other users of the same machines may have theirs at the same time.",
        "ssh logs in as ever, with your settings and your agent, sixteen hosts at a time. It must not have to ask anything (BatchMode): \
         ssh-copy-id HOST puts a key there, and ssh HOST shows a host's key that is not known yet.",
        "Daemons run until peermon net down or the host's end. After a host was started again, peermon net up brings it back.",
    ],
    sections: &[EXAMPLES, EXIT_STATUS, ENVIRONMENT, FILES],
    see_also: &[
        "peermon-net-up(1)",
        "peermon-net-status(1)",
        "peermon-net-down(1)",
        "peermon-net-add(1)",
        "peermon-net-logs(1)",
        "peermon-query(1)",
        "ssh(1)",
    ],
};

pub(in super::super) const NET_UP: Page = Page {
    name: "peermon-net-up",
    description: &[
        "On each host: the program is copied where there is none, or an older one; key and machines file are put beside it; a daemon is \
         started in the background, and one that runs an older program or has other ports is replaced. Then it waits, 20 seconds at most, until \
         all daemons see each other, and prints the table. Where nothing is to be done nothing is changed. Hosts that came up are \
         remembered; without hosts it is about these again.",
        "A host that fails is named with ssh's own last line and what to do about it; the others come up all the same.",
        "Ports are made of your user number on the first host: 10000 + (number modulo 7000) * 3 and the one above it for the gossip, the next \
         one for clients. Where one of them is in use on any host it is the next place that is free everywhere; -p and -l say others. A \
         network keeps its ports.",
    ],
    sections: &[EXAMPLES, EXIT_STATUS, ENVIRONMENT, FILES],
    see_also: &["peermon-net(1)", "peermon-daemon(1)", "ssh(1)"],
};

pub(in super::super) const NET_STATUS: Page = Page {
    name: "peermon-net-status",
    description: &[
        "One line a host: whether its daemon is up, which version it is, for how long it has run, and whom it sees; or why the host \
         cannot be asked.",
    ],
    sections: &[EXIT_STATUS],
    see_also: &["peermon-net(1)"],
};

pub(in super::super) const NET_DOWN: Page = Page {
    name: "peermon-net-down",
    description: &[
        "Ends the daemons that peermon net up started, and no other process: each is known by its process number and the moment at which it \
         started. Where the note of that is gone from /tmp/peermon-UID, it is your daemon that answers at the network's client port there and \
         runs the program in the folder of peermon net, whoever started it. What they kept in /tmp goes with them. Program, key and list stay for the next time, unless --purge says otherwise; \
         an empty lock file stays even then.",
        "Hosts that are named leave the network: the others go on without them.",
    ],
    sections: &[EXIT_STATUS, FILES],
    see_also: &["peermon-net(1)"],
};

pub(in super::super) const NET_ADD: Page = Page {
    name: "peermon-net-add",
    description: &["As peermon net up HOST: the hosts that are in the network go on as they are, or come back."],
    sections: &[EXIT_STATUS],
    see_also: &["peermon-net-up(1)"],
};

pub(in super::super) const NET_LOGS: Page = Page {
    name: "peermon-net-logs",
    description: &["The last lines of the log that the host's daemon keeps in /tmp."],
    sections: &[EXIT_STATUS],
    see_also: &["peermon-net(1)", "peermon-net-status(1)"],
};

const EXAMPLES: Section = Section {
    title: "EXAMPLES",
    items: &[
        ("peermon net up node1 node2 node3", "a network of three hosts"),
        ("peermon net up -f lab.txt -u ada", "the hosts of a file, one a line, as ada"),
        ("peermon net up --ssh-arg -p --ssh-arg 2222 node1", "with arguments for ssh, which are remembered"),
        ("peermon net status", "who is up"),
        ("peermon net down", "all daemons end"),
    ],
};

const EXIT_STATUS: Section = Section {
    title: "EXIT STATUS",
    items: &[
        ("0", "All hosts did it; also: nothing was to be done."),
        ("1", "Any other failure."),
        ("2", "Wrong usage; an empty list; no network yet."),
        ("3", "status: no daemon of the network is up."),
        ("5", "Some hosts failed, or do not see each other; or all failed, and ssh reached some of them."),
        ("7", "ssh reached none of the hosts."),
    ],
};

const ENVIRONMENT: Section = Section {
    title: "ENVIRONMENT",
    items: &[("PEERMON_SSH", "The program that is run instead of ssh; [ssh] program in peermon.toml does the same.")],
};

const FILES: Section = Section {
    title: "FILES",
    items: &[
        (
            "~/.local/share/peermon/net/",
            "Here: network.json (hosts, ports and arguments for ssh) and the key. On the hosts: bin/peermon, peermon/gossip.key, \
             peermon/machines.txt; a peermon/peermon.toml that you put there is read by the daemon. It may be one folder of a home that all share.",
        ),
        ("/tmp/peermon-UID/", "On each host: the daemon's socket, pid and log, and net, which says what runs there."),
    ],
};
