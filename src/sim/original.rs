//! PeerMon as its paper describes it.
