//! `peermon net` over real sshds, each host in namespaces of its own. None of the sshds has sftp.

mod homes;
mod life;
mod others;
mod troubles;
mod typed;
pub mod village;
