//! Flags, environment and files to checked settings.
