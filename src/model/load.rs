//! What hosts say: measurements, and the records that carry them from host to host.

use super::card::Card;
use super::node::{NodeId, Version};

/// How busy a host said it was. `None` is "could not be read", never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Load {
    /// The kernel's 1-minute load average, in hundredths.
    pub load1_hundredths: Option<u32>,
    /// What the kernel calls available memory, in MiB.
    pub memory_available_mib: Option<u32>,
}

/// One reading of this host by itself. `None` is "could not be read", never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sample {
    /// What changes from moment to moment.
    pub load: Load,
    /// Processors that a process here can use.
    pub cores: Option<u32>,
    /// All memory that a process here can use, in MiB.
    pub memory_total_mib: Option<u32>,
    /// Seconds since this host started.
    pub uptime_seconds: Option<u64>,
}

/// What a record holds behind the fields that this version understands: canonical CBOR items, one behind the
/// other; empty bytes where there was nothing. It is relayed as it came, so newer hosts lose nothing through
/// older ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tail(pub Box<[u8]>);

impl Tail {
    /// Nothing beyond what is understood.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How busy a host is: small, and new every interval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Report {
    /// Whose it is.
    pub id: NodeId,
    /// Raised by the owner alone, once per report.
    pub version: Version,
    /// Sequence of the card that belongs to it; the incarnation is the same.
    pub card: u32,
    /// The measurement.
    pub load: Load,
    /// Reserved for one-bit facts; unknown bits are relayed as they came.
    pub flags: u32,
    /// Fields of newer versions.
    pub tail: Tail,
}

/// A host said that it leaves. Its version is above all that it said before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Departure {
    /// Who left.
    pub id: NodeId,
    /// Above every report of that life.
    pub version: Version,
    /// Fields of newer versions.
    pub tail: Tail,
}

/// A watcher believes that a host has crashed. Covers every record of the suspect made before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspicion {
    /// Who is suspected.
    pub id: NodeId,
    /// The newest version of the suspect that the accuser held.
    pub version: Version,
    /// Who says so.
    pub by: NodeId,
    /// Fields of newer versions.
    pub tail: Tail,
}

/// A record of a kind that this version does not know. Relayed, kept and aged like a report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownRecord {
    /// The kind's number on the wire.
    pub kind: u32,
    /// Whose it is.
    pub id: NodeId,
    /// Raised by the owner alone.
    pub version: Version,
    /// All the rest, as it came.
    pub body: Tail,
}

/// One thing that one host said, as it is handed from host to host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// How busy a host is.
    Report(Report),
    /// Who a host is.
    Card(Box<Card>),
    /// A host that left.
    Departure(Departure),
    /// A host that is believed to have crashed.
    Suspicion(Suspicion),
    /// Something that a newer version says.
    Unknown(UnknownRecord),
}

/// The numbers of the kinds of record on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum RecordKind {
    /// [`Report`]
    Report = 0,
    /// [`Card`]
    Card = 1,
    /// [`Departure`]
    Departure = 2,
    /// [`Suspicion`]
    Suspicion = 3,
}

impl Record {
    /// The host that the record is about.
    #[must_use]
    pub fn id(&self) -> NodeId {
        match self {
            Self::Report(report) => report.id,
            Self::Card(card) => card.id,
            Self::Departure(departure) => departure.id,
            Self::Suspicion(suspicion) => suspicion.id,
            Self::Unknown(unknown) => unknown.id,
        }
    }

    /// Its version (a suspicion's: the newest of the suspect that its accuser held).
    #[must_use]
    pub fn version(&self) -> Version {
        match self {
            Self::Report(report) => report.version,
            Self::Card(card) => card.version,
            Self::Departure(departure) => departure.version,
            Self::Suspicion(suspicion) => suspicion.version,
            Self::Unknown(unknown) => unknown.version,
        }
    }

    /// The kind's number on the wire.
    #[must_use]
    pub fn kind(&self) -> u32 {
        match self {
            Self::Report(_) => RecordKind::Report as u32,
            Self::Card(_) => RecordKind::Card as u32,
            Self::Departure(_) => RecordKind::Departure as u32,
            Self::Suspicion(_) => RecordKind::Suspicion as u32,
            Self::Unknown(unknown) => unknown.kind,
        }
    }
}
