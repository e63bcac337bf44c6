//! What the man pages say beyond the options: examples, exit codes, files, variables. Examples stand below `--help`
//! too.

/// Below `peermon query --help`.
pub const QUERY_EXAMPLES: &str = "\
Examples:
  peermon query                          the table; in a pipe, names, best first
  peermon query -n 3 -c                  the three hosts with the least load per core
  peermon query --fold --min 8           node[1-8,12], or exit code 4 where there are fewer than 8
  peermon query --json | jq '.nodes[0]'  all that is known of the best host
  peermon query --explain                why they come in this order, and who is left out
  peermon query --status                 is the daemon well?
  peermon query --watch                  the table, every 2 seconds";
