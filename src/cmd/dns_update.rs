//! `peermon dns-update`: a name that leads to the best hosts. It chooses first and changes then, in one step that holds
//! only while the name still has the addresses that it was found with; on any failure it has what it had.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{DnsUpdateArgs, Family};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::settings::{Choice, Found, Settings, client_failure};
use crate::client::HostTable;
use crate::config::machines::Machine;
use crate::config::paths::RuntimeFolders;
use crate::config::values::{Count, Patience, Percent, Port, Ttl};
use crate::dns::{Change, DnsError, NameError, Owner, Server, Talk, TsigKey, Zone, nsupdate};
use crate::model::{HostView, NetworkList};
use crate::os::lock::{self, Lock};
use crate::os::runtime::{Access, ClaimError, make_folder};
use crate::os::secret::{self, SecretError, Trusted};
use crate::os::{entropy, privileges};
use crate::placement::publish::{Doubt, Families, Publishing, Witness};
use crate::placement::{Policy, Ranking};
use crate::render;
use crate::render::names::Naming;

/// The name where nothing is said.
const NAME: &str = "peermon";

/// How many hosts where nothing is said, as in the old manual.
const COUNT: usize = 5;

/// Most hosts of one name: with two addresses each they still fit one answer by TCP, and one update.
const COUNT_MAX: usize = 500;

/// The server where nothing is said.
const SERVER: &str = "127.0.0.1";

/// An update is tried so often when somebody else changes the name at the same time.
const TRIES: usize = 2;

/// Longest name of a file; a lock's is cut to it.
const FILE_NAME_MAX: usize = 255;

/// What is to be done, settled.
struct Job {
    owner: Owner,
    ttl: u32,
    publishing: Publishing,
    choice: Choice,
    server: Server,
    patience: Duration,
    dry_run: bool,
}

/// Does what was typed.
pub fn run(args: DnsUpdateArgs, console: &Console) -> Result<Exit, Failure> {
    let settings = Settings::read(console)?;
    let job = Job::settle(&args, &settings)?;
    let key = key(&args, &settings)?;
    let daemon = settings.daemon(&args.client)?;
    let _lock = if job.dry_run || args.choose.explain {
        None
    } else {
        match take_lock(&job.owner, &settings) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => {
                console.say(format_args!("another run is at {} just now; nothing to do", job.owner));
                return Ok(Exit::Done);
            }
            Err(error) => {
                console.warn(format_args!("no lock keeps other runs away: {error}"));
                None
            }
        }
    };
    let mut client = settings.connect(&daemon)?;
    let table = client.hosts().map_err(|error| client_failure(&error, &daemon))?;
    let mut ranking = job.choice.rank(&table);
    job.publishing.sift(&mut ranking);
    if args.choose.explain {
        let policy = job.choice.policy();
        console.print(&render::explain::ranking(
            &ranking,
            policy,
            job.choice.seed,
            Naming::Addresses,
            console.style(),
        ))?;
        return Ok(Exit::Done);
    }
    if let Some(doubt) = witness(&table).doubt(&ranking.eligible) {
        return Err(doubtful(doubt));
    }
    let found = Found::to_take(&ranking, Some(job.publishing.count));
    if let Some(failure) = job.choice.shortfall(&found, &ranking, &table) {
        return Err(failure);
    }
    let mut talk = Talk::new(&job.server, key, job.patience, entropy::draw()).map_err(|error| dns_failure(&error))?;
    publish(&job, &ranking, &mut talk, console)
}

/// Reads, compares and changes.
fn publish(job: &Job, ranking: &Ranking<'_>, talk: &mut Talk, console: &Console) -> Result<Exit, Failure> {
    let failed = |error: DnsError| dns_failure(&error);
    let mut found = talk.read(&job.owner).map_err(failed)?;
    let mut before = found.addresses.clone();
    let mut asked_for = None;
    let mut tries = 0;
    loop {
        let hosts = job.publishing.choose(job.choice.policy(), &ranking.eligible, &found.addresses);
        let after: BTreeSet<IpAddr> = hosts.iter().flat_map(|ranked| job.publishing.addresses(ranked.host)).collect();
        if found.are(&after, job.ttl) {
            // Somebody else's update, or ours: its answer may have got lost, and not the update.
            if let Some(before) = asked_for {
                console.say(format_args!("{}: {}", job.owner, told(&before, &after, ranking)));
            }
            return Ok(Exit::Done);
        }
        if tries == TRIES {
            let what = format!("somebody else changed {} at the same time, {TRIES} times", job.owner);
            return Err(Failure::new(Exit::Failed, what, "does another host update it too? the next run tries again"));
        }
        let change = Change { owner: job.owner.clone(), before, after, ttl: job.ttl };
        if job.dry_run {
            console.print(&nsupdate(&change, talk.server()))?;
            return Ok(Exit::Done);
        }
        if talk.update(&change).map_err(failed)? {
            console.say(format_args!("{}: {}", job.owner, told(&found.addresses, &change.after, ranking)));
            return Ok(Exit::Done);
        }
        let now = talk.read(&job.owner).map_err(failed)?;
        // What was read is there, and is no set of the name: it comes from a wildcard (RFC 4592), and the name has none.
        before = if now == found { BTreeSet::new() } else { now.addresses.clone() };
        asked_for = Some(std::mem::replace(&mut found, now).addresses);
        tries += 1;
    }
}

impl Job {
    fn settle(args: &DnsUpdateArgs, settings: &Settings) -> Result<Self, Failure> {
        let files = &settings.files.dns;
        let zone = match (&args.zone, &files.zone) {
            (Some(zone), _) => zone.clone(),
            (None, Some(zone)) => zone.parse().map_err(|error: NameError| in_file("zone", &error))?,
            (None, None) => {
                let hint = "--zone cs.example.edu, or [dns] zone in peermon.toml";
                return Err(Failure::new(Exit::Usage, "--zone is missing", hint));
            }
        };
        let owner = owner(args, settings, &zone)?;
        let count = args.num.or(files.count).map_or(COUNT, |Count(count)| count as usize);
        if count > COUNT_MAX {
            let what = format!("-n: '{count}' is more than {COUNT_MAX}");
            return Err(Failure::new(Exit::Usage, what, "a name with five hosts serves hundreds of users"));
        }
        let hysteresis = args.hysteresis.or(files.hysteresis);
        let families = match args.family {
            Some(Family::V4) => Families::V4,
            Some(Family::V6) => Families::V6,
            Some(Family::Both) | None => Families::Both,
        };
        let mut choice = settings.choice(args.choose.clone(), Policy::CLASSIC_MEMORY_STEP_KIB)?;
        choice.min = choice.min.or(files.min.map(|Count(min)| min as usize));
        Ok(Self {
            owner,
            ttl: args.ttl.or(files.ttl).unwrap_or(Ttl::DEFAULT).0,
            publishing: Publishing {
                count,
                hysteresis: hysteresis.map_or(Publishing::HYSTERESIS, |Percent(percent)| percent / 100.0),
                families,
                networks: NetworkList::new(args.only_network.clone()),
            },
            choice,
            server: server(args, settings)?,
            patience: args.timeout.unwrap_or(Patience::DEFAULT).0,
            dry_run: args.dry_run,
        })
    }
}

fn owner(args: &DnsUpdateArgs, settings: &Settings, zone: &Zone) -> Result<Owner, Failure> {
    let name = args.name.as_deref().or(settings.files.dns.name.as_deref()).unwrap_or(NAME);
    Owner::parse(name, zone).map_err(|error| {
        let hint = match &error {
            NameError::Apex { .. } => "give a name below it: --name peermon",
            NameError::Outside { .. } => "give a label, a full name in the zone, or another --zone",
            NameError::Empty(_) | NameError::LabelTooLong(_) | NameError::TooLong(_) | NameError::Character(_) => {
                "a label as in --name peermon, or a full name in the zone"
            }
        };
        Failure::new(Exit::Usage, format_args!("--name: {error}"), hint)
    })
}

fn server(args: &DnsUpdateArgs, settings: &Settings) -> Result<Server, Failure> {
    let text = args.server.as_deref().or(settings.files.dns.server.as_deref()).unwrap_or(SERVER);
    match Machine::parse(text, Port::DNS) {
        Ok(Machine::Address(address)) => Ok(Server::Address(address)),
        Ok(Machine::Name(name, port)) => Ok(Server::Name(name.to_string(), port)),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format_args!("--server: {error}"),
            "an address or a name, as in 127.0.0.1, [::1]:53 or ns1.example.edu",
        )),
    }
}

fn in_file(key: &str, error: &NameError) -> Failure {
    Failure::new(Exit::Usage, format_args!("[dns] {key}: {error}"), "mend that line in peermon.toml")
}

/// The key that signs, where one is named.
fn key(args: &DnsUpdateArgs, settings: &Settings) -> Result<Option<TsigKey>, Failure> {
    let own = privileges::own_uid();
    let (path, uid) = match (&args.local_key, args.key_file.as_ref().or(settings.files.dns.key_file.as_ref())) {
        // Root may read what BIND, which is another user, left for root and itself.
        (Some(path), _) if own == 0 => (path, fs::symlink_metadata(path).map_or(own, |metadata| metadata.uid())),
        (Some(path), _) | (None, Some(path)) => (path, own),
        (None, None) => return Ok(None),
    };
    refuse_secret(path)?;
    let is_key = |text: &str| TsigKey::parse(text).is_ok();
    let text = secret::read(path, Trusted { uid, gid: None }, is_key).map_err(|error| unread(&error))?;
    let Some(text) = text else {
        let what = format!("there is no key file {}", path.display());
        let hint = if args.local_key.is_some() {
            "BIND writes it where a zone has `update-policy local`; its session-keyfile may be elsewhere: --local-key=FILE"
        } else {
            "tsig-keygen -a hmac-sha256 peermon-key makes one"
        };
        return Err(Failure::new(Exit::Usage, what, hint));
    };
    TsigKey::parse(&text).map(Some).map_err(|error| {
        let what = format!("the key file {} {error}", path.display());
        Failure::new(
            Exit::Usage,
            what,
            "tsig-keygen -a hmac-sha256 peermon-key makes a good one; sha384 and sha512 are taken too",
        )
    })
}

/// Who gave the key itself in place of its file must hear of it, and the key must not be repeated.
fn refuse_secret(path: &Path) -> Result<(), Failure> {
    let looks_like_a_key = path.to_string_lossy().to_ascii_lowercase().starts_with("hmac-");
    if looks_like_a_key && path.to_string_lossy().matches(':').count() >= 2 && !path.exists() {
        let hint = "write it into a file that only you can read; this one is known to all users now";
        return Err(Failure::new(Exit::Usage, "--key-file takes the name of a file, not the key", hint));
    }
    Ok(())
}

fn unread(error: &SecretError) -> Failure {
    let hint = match error {
        SecretError::Unreadable { path, user, owner: Some(owner), .. } if owner != user => {
            Some(format!("it must be readable for user {user}: chown {user} {}", path.display()))
        }
        SecretError::Open { .. }
        | SecretError::Owner { .. }
        | SecretError::Link(_)
        | SecretError::Unreadable { .. } => error.hint(),
        SecretError::NotAFile(_) | SecretError::TooLarge(_) | SecretError::NotText(_) => None,
    };
    let hint = hint.unwrap_or_else(|| "a file of yours with one key in it, mode 0600".to_owned());
    Failure::new(Exit::Usage, format_args!("key file: {error}"), hint)
}

/// Keeps two runs for one name apart. `None`: the other one is at it.
fn take_lock(owner: &Owner, settings: &Settings) -> Result<Option<Lock>, ClaimError> {
    let folders = RuntimeFolders::of(&settings.environment, privileges::own_uid());
    let of_session = folders.session.filter(|folder| folder.parent().is_some_and(Path::is_dir));
    let folder: PathBuf = of_session.unwrap_or(folders.detached);
    make_folder(&folder, Access::Private, None)?;
    let mut name = format!("dns-{owner}.lock");
    name.drain(..name.len().saturating_sub(FILE_NAME_MAX));
    let path = folder.join(name);
    lock::take(&path).map_err(|error| ClaimError::Io { path, error })
}

fn witness(table: &HostTable) -> Witness {
    Witness {
        own: table.own,
        isolated: table.isolated,
        up: Duration::from_secs(table.up_seconds),
        interval: Duration::from_millis(u64::from(table.interval_hundredths) * 10),
    }
}

fn doubtful(doubt: Doubt) -> Failure {
    let hint = match doubt {
        Doubt::Isolated => "the name keeps its addresses; peermon query --status says more",
        Doubt::Young { .. } => "the name keeps its addresses until then",
        Doubt::OnlyLate => "the name keeps its addresses; is the network of this host well? peermon query --status",
    };
    Failure::new(Exit::NobodyEligible, doubt, hint)
}

/// What changed, for people: addresses, and whose they are.
fn told(before: &BTreeSet<IpAddr>, after: &BTreeSet<IpAddr>, ranking: &Ranking<'_>) -> String {
    let has = |host: &HostView, address: &IpAddr| host.address == *address || host.addresses.contains(address);
    let whose = |address: &IpAddr| {
        if let Some(ranked) = ranking.eligible.iter().find(|ranked| has(ranked.host, address)) {
            return format!("{address} ({})", ranked.host.name);
        }
        match ranking.left_out.iter().find(|(host, _)| has(host, address)) {
            Some((host, why)) => format!("{address} ({}: {})", host.name, why.short()),
            None => address.to_string(),
        }
    };
    let list = |addresses: BTreeSet<&IpAddr>| addresses.into_iter().map(whose).collect::<Vec<_>>().join(", ");
    let added = list(after.difference(before).collect());
    let removed = list(before.difference(after).collect());
    match (added.as_str(), removed.as_str()) {
        ("", "") => "new time to live".to_owned(),
        (added, "") => format!("added {added}"),
        ("", removed) => format!("removed {removed}"),
        (added, removed) => format!("added {added}; removed {removed}"),
    }
}

/// What went wrong with the server, and what to do about it.
fn dns_failure(error: &DnsError) -> Failure {
    let (exit, hint) = match error {
        DnsError::NoSuchServer { .. } => (Exit::Network, "give --server an address instead"),
        DnsError::NoAnswer { .. } => {
            (Exit::Network, "does the zone's primary server run there? --server says where; the next run tries again")
        }
        DnsError::Forged { .. } => (
            Exit::Network,
            "is --server the primary itself, with nothing between that answers in its place, and does it know the key?",
        ),
        DnsError::Truncated { .. } => (Exit::Network, "let this host reach the server's TCP port too"),
        DnsError::ServerFailed { .. } => {
            (Exit::Network, "the server's log says why: is the zone's folder not writable for it?")
        }
        DnsError::Refused { code: "NOTIMP", .. } => {
            (Exit::Refused, "is --server the zone's primary, and one that takes dynamic updates?")
        }
        DnsError::Refused { .. } => (
            Exit::Refused,
            "let the key (--key-file) or this host change the name there (update-policy or allow-update in named.conf), or is the zone frozen?",
        ),
        DnsError::NotAuthoritative { .. } => (Exit::Refused, "is --zone right, and --server its primary?"),
        DnsError::BadKey { .. } => (
            Exit::Refused,
            "the server needs the same key, of the same name; Knot says this too where its acl does not let the key change the name",
        ),
        DnsError::BadSignature { .. } => (Exit::Refused, "copy the key file from the server again"),
        DnsError::BadTime { .. } => {
            (Exit::Refused, "let both hosts keep their time with NTP (systemctl status chrony)")
        }
        DnsError::NotZone { .. } | DnsError::NoSuchName { .. } => {
            (Exit::Usage, "is --zone the zone that the server has, and the name in it?")
        }
        DnsError::Alias { .. } => (Exit::Usage, "take the CNAME out of the zone, or give another --name"),
        DnsError::TooLarge(_) => (Exit::Failed, "nsupdate removes them in pieces"),
        DnsError::Other { .. } => (Exit::Failed, "the server's log may say why"),
    };
    Failure::new(exit, error, hint)
}
