//! One test binary: modules by capability.
