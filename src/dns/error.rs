//! Why a name was not read or changed.

use std::net::SocketAddr;

/// Why a name was not read or changed. One variant for each thing that somebody would do something else about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The server's name leads nowhere.
    #[error("the server's name '{name}' does not resolve ({why})")]
    NoSuchServer {
        /// As typed.
        name: String,
        /// What the resolver said.
        why: String,
    },
    /// Nothing came back.
    #[error("no answer from {server} ({why})")]
    NoAnswer {
        /// Who was asked last.
        server: SocketAddr,
        /// How it failed.
        why: String,
    },
    /// Something came back, and none of it can be believed.
    #[error("only a forged answer from {server}: {why}")]
    Forged {
        /// Whose address it bears.
        server: SocketAddr,
        /// What is wrong with it.
        why: String,
    },
    /// It was cut short, and the whole of it is not to be had.
    #[error("{server} truncates its answer, and not all of it comes by TCP ({why})")]
    Truncated {
        /// Who was asked.
        server: SocketAddr,
        /// How TCP failed.
        why: String,
    },
    /// REFUSED, or NOTIMP: to us, or to everybody.
    #[error("{server} refuses ({code})")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// Its word for it.
        code: &'static str,
    },
    /// NOTAUTH without a word on the key.
    #[error("{server} is not authoritative for the zone {zone} (NOTAUTH)")]
    NotAuthoritative {
        /// Who was asked.
        server: SocketAddr,
        /// For what.
        zone: String,
    },
    /// BADKEY
    #[error("{server} does not know the key '{key}' (BADKEY)")]
    BadKey {
        /// Who was asked.
        server: SocketAddr,
        /// The key's name.
        key: String,
    },
    /// BADSIG
    #[error("{server} has another secret for the key '{key}' (BADSIG)")]
    BadSignature {
        /// Who was asked.
        server: SocketAddr,
        /// The key's name.
        key: String,
    },
    /// BADTIME
    #[error("the clock of {server} is {} s {} this one (BADTIME)", .ahead.unsigned_abs(), if *.ahead < 0 { "behind" } else { "ahead of" })]
    BadTime {
        /// Who was asked.
        server: SocketAddr,
        /// By how many seconds its clock is ahead; negative: behind.
        ahead: i64,
    },
    /// NOTZONE
    #[error("{server} says that the name is not in the zone {zone} (NOTZONE)")]
    NotZone {
        /// Who was asked.
        server: SocketAddr,
        /// Which zone.
        zone: String,
    },
    /// NXDOMAIN as the answer to an update.
    #[error("{server} knows no such name (NXDOMAIN)")]
    NoSuchName {
        /// Who was asked.
        server: SocketAddr,
    },
    /// SERVFAIL
    #[error("{server} cannot do it now (SERVFAIL)")]
    ServerFailed {
        /// Who was asked.
        server: SocketAddr,
    },
    /// Any other code.
    #[error("{server} answers {code}")]
    Other {
        /// Who was asked.
        server: SocketAddr,
        /// The code's name.
        code: String,
    },
    /// The name is an alias.
    #[error("{name} is an alias (CNAME) for {target}")]
    Alias {
        /// The name.
        name: String,
        /// What it leads to.
        target: String,
    },
    /// More addresses than a message holds.
    #[error("the addresses of {0} do not fit one DNS message")]
    TooLarge(String),
}
