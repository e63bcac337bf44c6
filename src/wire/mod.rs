//! Values to bytes and back, for datagrams and for the client protocol. Pure.
