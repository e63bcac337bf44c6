//! Ask a daemon.
