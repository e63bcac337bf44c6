//! Which host: rows, policy and seed to an order. Pure.
