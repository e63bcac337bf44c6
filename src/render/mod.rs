//! Rows to text: table, JSON, CSV, folded names. Pure.
