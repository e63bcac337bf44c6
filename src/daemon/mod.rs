//! Threads and sockets around one `Mutex<Node>` and one `Mutex<Session>`.
#![allow(clippy::disallowed_methods, reason = "the shell: here the threads are started")]
