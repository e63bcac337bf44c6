//! The socket at which clients find a daemon, and the folder that it lies in.
//!
//! A lock beside the socket tells a living daemon from one that was killed: the kernel lets go of it however a
//! process ends, so a socket that was left over is no obstacle, and a living daemon is never disturbed.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::lock::{self, Lock};
use super::privileges::{Account, own_uid};

/// How many clients may wait to be let in: a thousand at once, and the kernel's usual limit is above it.
const BACKLOG: i32 = 1024;

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner.
    Private,
    /// All users of the host.
    Everybody,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// A daemon lives there.
    #[error("another daemon serves {}", .0.display())]
    Taken(PathBuf),
    /// Whoever owns the folder could take the socket away and put another there.
    #[error("{} {why}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The kernel refused.
    #[error("cannot make {}: {error}", .path.display())]
    Io {
        /// What was to be made.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
}

/// A folder for sockets that only this process's user can change. Made where it is missing, for `owner` where
/// root makes it for somebody else.
pub fn make_folder(folder: &Path, access: Access, owner: Option<Account>) -> Result<(), ClaimError> {
    let failed = |error| ClaimError::Io { path: folder.into(), error };
    let mode = match access {
        Access::Private => 0o700,
        Access::Everybody => 0o755,
    };
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => {
            // Whatever the umask took away.
            fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(failed)?;
            if let Some(owner) = owner {
                chown(folder, Some(owner.uid), Some(owner.gid)).map_err(failed)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let metadata = fs::symlink_metadata(folder).map_err(failed)?;
    let wrong = |why| Err(ClaimError::Folder { folder: folder.into(), why });
    let trusted = owner.map_or(own_uid(), |owner| owner.uid);
    if !metadata.is_dir() {
        return wrong("is not a folder");
    }
    if metadata.uid() != trusted && metadata.uid() != 0 {
        return wrong("belongs to somebody else");
    }
    if metadata.mode() & 0o777 & !mode != 0 {
        return wrong("is open to others");
    }
    Ok(())
}

/// A socket at which clients find this daemon, as long as the value lives.
#[derive(Debug)]
pub struct ClientSocket {
    listener: UnixListener,
    path: PathBuf,
    _lock: Lock,
}

impl ClientSocket {
    /// Takes the name `NAME.sock` in `folder`, unless a living daemon has it.
    pub fn claim(folder: &Path, name: &str, access: Access) -> Result<Self, ClaimError> {
        let path = folder.join(format!("{name}.sock"));
        let beside = folder.join(format!("{name}.lock"));
        let lock = lock::take(&beside).map_err(|error| ClaimError::Io { path: beside, error })?;
        let lock = lock.ok_or_else(|| ClaimError::Taken(path.clone()))?;
        let failed = |error| ClaimError::Io { path: path.clone(), error };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = listen(&path).map_err(failed)?;
        let mode = match access {
            Access::Private => 0o600,
            Access::Everybody => 0o666,
        };
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed)?;
        Ok(Self { listener, path, _lock: lock })
    }

    /// Where clients find it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Accepts clients; never waits.
    #[must_use]
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl AsFd for ClientSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for ClientSocket {
    fn drop(&mut self) {
        // The lock is still held, so this is ours. The lock's file stays: whoever opened it may be waiting for it.
        let _ = fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts clients on loopback TCP; never waits. Works at once after a restart.
pub fn listen_tcp(address: std::net::SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    // Connections of a former daemon may still be winding down (TIME_WAIT); a living one is still refused.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// `PORT.pid` of a detached daemon, as long as the value lives.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Written beside the socket, which shows that the folder is ours.
    pub fn beside(socket: &ClientSocket) -> io::Result<Self> {
        let path = socket.path.with_extension("pid");
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_left_over_socket_is_no_obstacle_and_a_living_daemon_is_not_disturbed() {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(folder.path().join("1981.sock")).unwrap()); // Closed, and its file is still there.
        let first = ClientSocket::claim(folder.path(), "1981", Access::Private).unwrap();
        let second = ClientSocket::claim(folder.path(), "1981", Access::Private);
        assert!(matches!(second, Err(ClaimError::Taken(_))), "{second:?}");
        UnixStream::connect(first.path()).unwrap();
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        ClientSocket::claim(folder.path(), "1981", Access::Everybody).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_change_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peermon-7");
        make_folder(&path, Access::Private, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(make_folder(&path, Access::Private, None), Err(ClaimError::Folder { .. })));
        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(matches!(make_folder(&link, Access::Private, None), Err(ClaimError::Folder { .. })));
        let missing = folder.path().join("no/such");
        assert!(matches!(make_folder(&missing, Access::Private, None), Err(ClaimError::Io { .. })));
    }

    #[test]
    fn a_pid_file_goes_with_its_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let socket = ClientSocket::claim(folder.path(), "1981", Access::Private).unwrap();
        fs::write(folder.path().join("1981.pid"), "left over").unwrap();
        let pid = PidFile::beside(&socket).unwrap();
        let written = fs::read_to_string(folder.path().join("1981.pid")).unwrap();
        assert_eq!(written.trim().parse(), Ok(std::process::id()));
        drop(pid);
        assert!(!folder.path().join("1981.pid").exists());
    }
}
