//! The words everybody uses: values of the domain, valid once built.
//!
//! Nothing here knows sockets, clocks or how bytes look on the wire. A [`HostName`] is safe to hand to
//! `ssh`; a [`Report`] or [`Card`] carries the tail that this version does not understand, so that relaying
//! it loses nothing. Times inside a process are [`Timestamp`]s of one clock; between hosts only [`Age`]s
//! travel, so no two clocks are ever compared.

mod card;
mod checkup;
mod dice;
mod load;
mod message;
mod networks;
mod node;
mod time;
mod view;

pub use card::{Card, Endpoint, LABELS_MAX, Label, LabelError, NETWORK_ADDRESSES_MAX};
pub use checkup::{Checkup, Examination, FileInUse, IntervalInUse, PeerFinding, Reach, SeedFinding, SeedState};
pub(crate) use dice::Dice;
pub use load::{Departure, Load, Record, RecordKind, Report, Sample, Suspicion, Tail, UnknownRecord};
pub use message::{Destination, Inquiry, Known, Member, Message, Sender, Urgency, Verdict};
pub use networks::{NetworkList, NetworkListError};
pub use node::{HOST_NAME_MAX, HostName, HostNameError, NodeId, SessionId, Version};
pub use time::{Age, Aged, Timestamp};
pub use view::{DaemonStatus, HostState, HostView, RejectCount, StateCounts};
