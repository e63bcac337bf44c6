//! `peermon mpigen`, `autoMPIgen`: a host file of the best hosts. Chooses first, writes then, and on any failure the
//! old file stays.

use std::io;
use std::path::Path;

use super::args::MpigenArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::settings::{Found, Settings, client_failure};
use crate::client::Placement;
use crate::config::values::Count;
use crate::model::HostView;
use crate::os::new_file;
use crate::placement::{Policy, Share, Shares, Slots, Wanted, share};
use crate::render::hostfile::{self, HostfileFormat};
use crate::render::names::Naming;
use crate::render::{self, table};

/// Most slots with one host: formats that repeat names would fill the disk. No machine has that many processors.
const SLOTS_MAX: u32 = 65_536;

/// Does what was typed.
pub fn run(args: &MpigenArgs, console: &Console) -> Result<Exit, Failure> {
    let settings = Settings::read(console)?;
    let format = format(args, &settings)?;
    let slots = slots(args)?;
    let wanted = wanted(args)?;
    let choice = settings.choice(args.choose.clone(), Policy::CLASSIC_MPIGEN_STEP_KIB)?;
    let daemon = settings.daemon(&args.client)?;
    let mut client = settings.connect(&daemon)?;
    let table = client.hosts().map_err(|error| client_failure(&error, &daemon))?;
    let ranking = choice.rank(&table);
    let naming = if args.ip { Naming::Addresses } else { Naming::Names };
    if args.choose.explain {
        let text = render::explain::ranking(&ranking, choice.policy(), choice.seed, naming, console.style());
        console.print(&text)?;
        return Ok(Exit::Done);
    }
    let hosts_wanted = match wanted {
        Wanted::Hosts(count) => Some(count),
        Wanted::Cpus(_) | Wanted::CpusExactly(_) => None,
    };
    if let Some(failure) = choice.shortfall(&Found::to_take(&ranking, hosts_wanted), &ranking, &table) {
        return Err(failure);
    }
    let Shares { shares, missing } = share(&ranking.eligible, wanted, slots);
    if let Some(failure) = too_few(&shares, missing, wanted) {
        if choice.strict {
            return Err(failure);
        }
        console.warn(&failure.what);
    }
    if naming == Naming::Addresses
        && format.has_colons()
        && let Some(share) = shares.iter().find(|share| share.host.address.is_ipv6())
    {
        let what = format!("{format} host files cannot hold the IPv6 address of {}", share.host.name);
        return Err(Failure::new(Exit::Usage, what, "leave -I out, or choose another --format"));
    }
    let text = hostfile::hosts(&shares, format, naming);
    if args.verbose {
        let rows: Vec<&HostView> = shares.iter().map(|share| share.host).collect();
        let rows =
            table::hosts(&rows, table::DEFAULT_FIELDS, if args.info { console.style() } else { render::Style::Plain });
        if args.info {
            console.print(&rows)?;
        } else {
            console.explain(&rows);
        }
    }
    if args.info {
        if !args.verbose {
            console.print(&text)?;
        }
        return Ok(Exit::Done);
    }
    let path = args.hostfile.as_deref().unwrap_or(Path::new("-"));
    if path == Path::new("-") {
        console.print(&text)?;
    } else {
        new_file::replace(path, &text).map_err(|error| not_written(path, &error))?;
    }
    if !args.no_pending {
        let placements: Vec<Placement> =
            shares.iter().map(|share| Placement { id: share.host.id, count: share.jobs() }).collect();
        // Somebody who places often is told so; the host file is right all the same.
        let _ = client.place(&placements);
    }
    Ok(Exit::Done)
}

fn format(args: &MpigenArgs, settings: &Settings) -> Result<HostfileFormat, Failure> {
    let of_files = || settings.files.mpigen.format.as_deref().map(str::parse).transpose();
    match args.format {
        Some(format) => Ok(format),
        None => of_files().map(Option::unwrap_or_default).map_err(|error| {
            let typed = settings.files.mpigen.format.as_deref().unwrap_or_default();
            let what = format!("[mpigen] format: '{}' is {error}", typed.escape_debug());
            Failure::new(Exit::Usage, what, "mend that line in peermon.toml, or give --format")
        }),
    }
}

fn slots(args: &MpigenArgs) -> Result<Slots, Failure> {
    match args.slots {
        Some(Count(slots)) if slots > SLOTS_MAX => {
            let what = format!("--slots: '{slots}' is more than {SLOTS_MAX}");
            Err(Failure::new(Exit::Usage, what, "-q gives each host as many as it has CPUs"))
        }
        Some(Count(slots)) => Ok(Slots::Each(slots)),
        None if args.quantify => Ok(Slots::PerCpu),
        None => Ok(Slots::Unsaid),
    }
}

fn wanted(args: &MpigenArgs) -> Result<Wanted, Failure> {
    let count = args.num.map(|Count(count)| count);
    match (args.cpus, count) {
        (false, count) => Ok(Wanted::Hosts(count.unwrap_or(1) as usize)),
        (true, Some(count)) if args.quantify => {
            Ok(if args.exact { Wanted::CpusExactly(count) } else { Wanted::Cpus(count) })
        }
        (true, _) => {
            let what = "-x lets -n count CPUs, so it goes with both -n and -q";
            Err(Failure::new(Exit::Usage, what, "as in autoMPIgen -n 16 -q -x hosts: hosts with 16 CPUs together"))
        }
    }
}

fn too_few(shares: &[Share<'_>], missing: u32, wanted: Wanted) -> Option<Failure> {
    let (have, of, what) = match wanted {
        Wanted::Hosts(count) => (shares.len() as u64, count as u64, "hosts"),
        Wanted::Cpus(count) | Wanted::CpusExactly(count) => (u64::from(count - missing), u64::from(count), "CPUs"),
    };
    let said = format!("only {have} of {of} {what} are there");
    (missing > 0).then(|| Failure::new(Exit::NotAll, said, "without --strict what there is is written"))
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::NotFound => "make that folder first (mkdir -p)",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a file where you may write; - is stdout"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or name a file elsewhere; the old file is as it was"
        }
        _ => "name a file elsewhere; - is stdout",
    };
    Failure::new(Exit::Failed, format_args!("cannot write {} ({error})", path.display()), hint)
}
