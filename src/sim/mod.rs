//! A fleet in virtual time, through the real codec and the real sessions. Pure.
