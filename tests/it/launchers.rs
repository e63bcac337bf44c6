//! What `autoMPIgen` and `query --fold` write, taken by those it is for: Open MPI's mpirun, MPICH's mpiexec.hydra and
//! ClusterShell's nodeset. What cannot be installed here is checked against its documented grammar.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use peermon::model::HostView;

use crate::command::{Outcome, Place};
use crate::fake_daemon::FakeDaemon;
use crate::rows::busy;
use crate::skip;

/// Best first, with 16, 8 and 4 cores; no such hosts exist.
fn lab() -> Vec<HostView> {
    vec![busy("node1", 0.0, 16, 64), busy("node2", 2.0, 8, 64), busy("node3", 3.0, 4, 64)]
}

/// A place where `hosts` is what autoMPIgen wrote.
#[track_caller]
fn with_host_file(lab: Vec<HostView>, arguments: &str) -> Place {
    let (place, daemon) = (Place::new(), FakeDaemon::knowing(lab));
    let mut command = place.peermon(&format!("mpigen {arguments} hosts --socket"));
    let outcome: Outcome = command.arg(daemon.socket()).output().unwrap().into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    place
}

fn has(tool: &str) -> bool {
    let has = Command::new(tool).arg("--version").output().is_ok();
    if !has {
        skip::because(&format!("no {tool} here"));
    }
    has
}

/// Open MPI, which refuses to be root unless it is told that this is meant.
fn mpirun(place: &Place, arguments: &str) -> Outcome {
    let mut mpirun = place.program("mpirun", "--mca rmaps_base_oversubscribe 0 --hostfile hosts");
    mpirun.args(arguments.split(' ')).env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    mpirun.env("TMPDIR", place.home.path()).output().unwrap().into()
}

/// Where Open MPI would put processes: name, slots, processes. Nothing is started, so the hosts need not exist.
#[track_caller]
fn check_open_mpi(arguments: &str, processes: u32, expected: &[(&str, u32, u32)]) {
    let place = with_host_file(lab(), arguments);
    let nowhere = "--mca plm_rsh_agent /bin/false --do-not-launch --display-map -np";
    let outcome = mpirun(&place, &format!("{nowhere} {processes} hostname"));
    let number = |text: &str, label: &str| -> u32 {
        let rest = text.split(label).nth(1).unwrap_or_default();
        rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    let nodes = outcome.stdout.split("Data for node: ").skip(1);
    let map: Vec<(&str, u32, u32)> = nodes
        .map(|node| {
            let name = node.split_whitespace().next().unwrap();
            (name, number(node, "Num slots: "), number(node, "Num procs: "))
        })
        .collect();
    assert_eq!(map, expected, "{outcome:?}");
}

#[test]
fn open_mpi_takes_a_host_file_with_its_slots() {
    if has("mpirun") {
        check_open_mpi("-n 20 -q", 20, &[("node1", 16, 16), ("node2", 8, 4)]);
        check_open_mpi("-n 3 -s 2", 6, &[("node1", 2, 2), ("node2", 2, 2), ("node3", 2, 2)]);
        check_open_mpi("-n 20 -q -x --exact", 20, &[("node1", 16, 16), ("node2", 4, 4)]);
    }
}

const PROGRAM: &str = r#"
#include <mpi.h>
#include <stdio.h>
int main(int count, char **words) {
    int rank, size;
    MPI_Init(&count, &words);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("%d of %d\n", rank, size);
    return MPI_Finalize();
}
"#;

/// With `compiler`, where it is at hand, a program that says its rank; else one that says `0 of 1` in each process.
fn program(place: &Place, compiler: &str) -> bool {
    fs::write(place.home.path().join("ranks.c"), PROGRAM).unwrap();
    place.program(compiler, "-o ranks ranks.c").output().is_ok_and(|output| output.status.success())
}

fn here() -> Vec<HostView> {
    vec![busy("localhost", 0.0, 3, 8)]
}

#[track_caller]
fn check_ranks(outcome: &Outcome) {
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!((lines, outcome.code), (vec!["0 of 3", "1 of 3", "2 of 3"], Some(0)), "{outcome:?}");
}

#[test]
fn open_mpi_runs_a_job_by_it_and_not_more_processes_than_slots() {
    if !has("mpirun") {
        return;
    }
    let place = with_host_file(here(), "-q");
    let outcome = mpirun(&place, "-np 3 echo here");
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("here\nhere\nhere\n", Some(0)), "{outcome:?}");
    let outcome = mpirun(&place, "-np 4 echo here");
    assert!(outcome.stderr.contains("not enough slots"), "{outcome:?}");
    if program(&place, "mpicc.openmpi") {
        check_ranks(&mpirun(&place, "-np 3 ./ranks"));
    }
}

#[test]
fn mpich_takes_a_host_file_and_runs_a_job_by_it() {
    if !has("mpiexec.hydra") {
        return;
    }
    let place = with_host_file(lab(), "-n 20 -q --format mpich");
    // The hosts do not exist: all processes are started here, each with the rank and the size of its host.
    let mut hydra = place.program("mpiexec.hydra", "-launcher fork -f hosts -n 20 sh -c");
    let outcome: Outcome = hydra.arg("echo $MPI_LOCALNRANKS").output().unwrap().into();
    let mut sizes: BTreeMap<&str, u32> = BTreeMap::new();
    outcome.stdout.lines().for_each(|size| *sizes.entry(size).or_default() += 1);
    assert_eq!(sizes, BTreeMap::from([("16", 16), ("4", 4)]), "{outcome:?}");

    let place = with_host_file(here(), "-q --format mpich");
    if program(&place, "mpicc.mpich") {
        check_ranks(&place.program("mpiexec.hydra", "-f hosts -n 3 ./ranks").output().unwrap().into());
    }
}

#[test]
fn nodeset_unfolds_what_query_folds() {
    if !has("nodeset") {
        return;
    }
    let names = ["node1", "node2", "node3", "node7", "gpu-09", "gpu-10", "login", "rack2-n1", "rack2-n2"];
    let daemon = FakeDaemon::knowing(names.map(|name| busy(name, 0.0, 4, 8)).to_vec());
    let place = Place::new();
    let folded: Outcome = place.peermon("query --fold --socket").arg(daemon.socket()).output().unwrap().into();
    let unfolded: Outcome = place.program("nodeset", "-e").arg(folded.stdout.trim()).output().unwrap().into();
    let mut found: Vec<&str> = unfolded.stdout.split_whitespace().collect();
    let mut names = names.to_vec();
    found.sort_unstable();
    names.sort_unstable();
    assert_eq!(found, names, "{folded:?}");
}

#[test]
fn what_no_launcher_here_reads_is_as_its_manual_says() {
    let read =
        |arguments: &str| fs::read_to_string(with_host_file(lab(), arguments).home.path().join("hosts")).unwrap();
    // srun(1), SLURM_HOSTFILE with --distribution=arbitrary, and PBS_NODEFILE: a name for each process.
    let repeated = "node1\nnode1\nnode2\nnode2\n";
    assert_eq!(
        (read("-n 2 -s 2 --format slurm").as_str(), read("-n 2 -s 2 --format pbs").as_str()),
        (repeated, repeated)
    );
    // Intel MPI, -machinefile: host:processes.
    assert_eq!(read("-n 2 -q --format intel"), "node1:16\nnode2:8\n");
}
