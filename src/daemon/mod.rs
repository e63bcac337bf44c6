//! Threads and sockets around one `Mutex<Node>` and one `Mutex<Session>`.
