//! Which host is best: the five policies and their ties.

use std::collections::BTreeSet;
use std::time::Duration;

use peermon::model::{HostState, HostView};
use peermon::placement::{ClassicKey, Criteria, LeftOut, Policy, pick, rank};
use proptest::prelude::*;

use crate::rows::{busy, host};

const BALANCED: Policy = Policy::Balanced { delta: Policy::CPU_DELTA };
const CPU: Policy = Policy::Cpu { delta: Policy::CPU_DELTA };
const MEMORY: Policy = Policy::Memory { delta_bytes: Policy::MEM_DELTA_BYTES };

/// Checks that over many seeds exactly these orders come out (names joined without spaces).
#[track_caller]
fn check_orders(hosts: &[HostView], policy: Policy, expected: &[&str]) {
    let orders: BTreeSet<String> = (0..200).map(|seed| order(hosts, policy, seed)).collect();
    assert_eq!(orders, expected.iter().map(ToString::to_string).collect());
}

fn order(hosts: &[HostView], policy: Policy, seed: u64) -> String {
    pick(hosts, &Criteria::all(policy), usize::MAX, seed).iter().map(|host| host.name.as_str()).collect()
}

fn late(host: HostView) -> HostView {
    HostView { state: HostState::Late, ..host }
}

/// The hosts of the worked example.
fn lab() -> Vec<HostView> {
    vec![busy("a", 0.2, 4, 8), busy("b", 0.0, 2, 2), busy("c", 6.0, 32, 128), busy("d", 5.0, 32, 128)]
}

#[test]
fn balanced_asks_how_crowded_a_host_would_be_with_me_on_it() {
    // a: 1.2/4 + 1/8 = 0.425. b: 1/2 + 1/2 = 1.0. c: 7/32 + 1/128 = 0.2266. d: 6/32 + 1/128 = 0.1953.
    let hosts = lab();
    let costs: Vec<f64> = hosts.iter().map(|host| BALANCED.cost(host).total()).collect();
    for (cost, expected) in costs.iter().zip([0.425, 1.0, 0.226_562_5, 0.195_312_5]) {
        assert!((cost - expected).abs() < 1e-12, "{cost} {expected}");
    }
    check_orders(&hosts, BALANCED, &["cdab", "dcab"]);
}

#[test]
fn whoever_is_on_the_way_to_a_host_makes_it_more_crowded() {
    // With 6 pending on d: 12/32 + 1/128 = 0.3828. c is first; d and a (0.425) are equal; then b.
    let mut hosts = lab();
    hosts[3].pending_hundredths = 600;
    check_orders(&hosts, BALANCED, &["cdab", "cadb"]);
}

#[test]
fn cpu_is_load_per_core_with_those_on_the_way() {
    // 1.5/4 = 0.375; (1.0 + 1.0)/4 = 0.5; 0.39/1 = 0.39: the first and the last are equal, the other one is not
    // within 0.1 of the best.
    let pending = HostView { pending_hundredths: 100, ..busy("b", 1.0, 4, 8) };
    check_orders(&[busy("a", 1.5, 4, 8), pending, busy("c", 0.39, 1, 8)], CPU, &["acb", "cab"]);
}

#[test]
fn a_tie_begins_anew_at_the_best_cost_that_is_left() {
    // 0.00, 0.08, 0.16 with delta 0.1: when a is taken, b and c are within 0.1 of each other.
    let hosts = [busy("a", 0.0, 1, 8), busy("b", 0.08, 1, 8), busy("c", 0.16, 1, 8)];
    check_orders(&hosts, CPU, &["abc", "acb", "bac"]);
}

#[test]
fn mem_is_available_memory_in_steps_of_a_gibibyte() {
    // 16 and 15 GiB are equal within 1 GiB; 13 is not.
    check_orders(&[busy("a", 9.0, 1, 16), busy("b", 0.0, 9, 15), busy("c", 0.0, 9, 13)], MEMORY, &["abc", "bac"]);
}

#[test]
fn random_takes_all_hosts_for_equal() {
    check_orders(
        &[busy("a", 9.0, 1, 1), busy("b", 0.0, 9, 99), busy("c", 1.0, 1, 9)],
        Policy::Random,
        &["abc", "acb", "bac", "bca", "cab", "cba"],
    );
}

#[test]
fn classic_sorts_as_peermon_1_1_did_and_knows_no_pending_jobs() {
    let classic = |key| Policy::Classic { key, memory_step_kib: Policy::CLASSIC_MEMORY_STEP_KIB };
    // both: a -26,800,000; b -17,000,000; c k = floor((8,388,608 + 500,000) / 1,000,000) = 8: -8,000,000; d as c.
    let pending = HostView { pending_hundredths: 800, ..busy("d", 0.0, 8, 8) };
    let hosts = [busy("a", 4.0, 8, 128), busy("b", 0.0, 8, 16), busy("c", 0.0, 8, 8), pending];
    check_orders(&hosts, classic(ClassicKey::Both), &["abcd", "abdc"]);
    check_orders(&hosts, classic(ClassicKey::Memory), &["abcd", "abdc"]);
    check_orders(&hosts, classic(ClassicKey::Cpu), &["bcda", "bdca", "cbda", "cdba", "dbca", "dcba"]);
}

#[test]
fn late_hosts_come_after_the_others_of_their_tie_and_no_later() {
    let hosts = [late(busy("a", 0.0, 1, 8)), busy("b", 0.05, 1, 8), late(busy("c", 0.07, 1, 8)), busy("d", 0.5, 1, 8)];
    check_orders(&hosts, CPU, &["bacd", "bcad"]);
}

#[test]
fn a_host_whose_memory_is_unknown_is_behind_all_that_say_theirs_where_memory_counts() {
    let unknown = HostView { memory_available_mib: None, ..busy("a", 0.0, 64, 1) };
    check_orders(&[unknown.clone(), busy("b", 0.0, 1, 3)], MEMORY, &["ba"]);
    // 1/64 + 1 = 1.016 against 2/64 + 1/8 = 0.156
    check_orders(&[unknown, busy("b", 1.0, 64, 8)], BALANCED, &["ba"]);
}

#[test]
fn whoever_is_left_out_is_named_with_the_reason() {
    let own = host("own");
    let hosts = [
        host("good"),
        HostView { collector: true, ..host("collector") },
        HostView { load1_hundredths: None, ..host("load") },
        HostView { cores: None, ..host("cores") },
        own.clone(),
        host("excluded"),
        host("short.example.edu"),
        host("address"),
        HostView { age_hundredths: 6001, ..host("old") },
        HostView { state: HostState::Suspect, ..host("suspect") },
        HostView { state: HostState::Left, ..host("left") },
        HostView { state: HostState::Dead, ..host("dead") },
    ];
    let criteria = Criteria {
        exclude: ["Excluded".parse().unwrap(), "short".parse().unwrap(), hosts[7].address.to_string().parse().unwrap()]
            .to_vec(),
        exclude_self: Some(own.id),
        max_age: Some(Duration::from_secs(60)),
        ..Criteria::all(BALANCED)
    };
    let ranking = rank(&hosts, &criteria, 1);
    assert_eq!(ranking.eligible.iter().map(|ranked| ranked.host.name.as_str()).collect::<Vec<_>>(), ["good"]);
    let left_out: Vec<_> = ranking.left_out.iter().map(|(host, why)| (host.name.as_str(), *why)).collect();
    assert_eq!(
        left_out,
        [
            ("address", LeftOut::Excluded),
            ("collector", LeftOut::Collector),
            ("cores", LeftOut::CoresUnknown),
            ("excluded", LeftOut::Excluded),
            ("load", LeftOut::LoadUnknown),
            ("old", LeftOut::TooOld),
            ("own", LeftOut::Own),
            ("short.example.edu", LeftOut::Excluded),
            ("suspect", LeftOut::Suspect),
            ("left", LeftOut::Left),
            ("dead", LeftOut::Dead),
        ]
    );
}

fn any_policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        (0.0..2.0).prop_map(|delta| Policy::Balanced { delta }),
        (0.0..2.0).prop_map(|delta| Policy::Cpu { delta }),
        (0u64..8 << 30).prop_map(|delta_bytes| Policy::Memory { delta_bytes }),
        Just(Policy::Random),
        prop_oneof![Just(ClassicKey::Cpu), Just(ClassicKey::Memory), Just(ClassicKey::Both)]
            .prop_map(|key| Policy::Classic { key, memory_step_kib: Policy::CLASSIC_MEMORY_STEP_KIB }),
    ]
}

fn any_host() -> impl Strategy<Value = HostView> {
    let state = prop_oneof![4 => Just(HostState::Fresh), 2 => Just(HostState::Late), 1 => Just(HostState::Dead)];
    let load = proptest::option::weighted(0.9, 0u32..1000);
    let memory = proptest::option::weighted(0.9, 0u32..20_000);
    let figures = (load, 0u32..400, proptest::option::weighted(0.9, 0u32..9), memory);
    (0u32..1_000_000, state, figures, any::<bool>()).prop_map(
        |(number, state, (load, pending, cores, memory), collector)| HostView {
            state,
            load1_hundredths: load,
            pending_hundredths: pending,
            cores,
            memory_available_mib: memory,
            collector,
            ..host(&format!("node{number}"))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_host_is_either_ranked_once_or_left_out_once(
        hosts in prop::collection::vec(any_host(), 0..40), policy in any_policy(), seed: u64,
    ) {
        let ranking = rank(&hosts, &Criteria::all(policy), seed);
        let mut judged: Vec<*const HostView> = ranking.eligible.iter().map(|ranked| std::ptr::from_ref(ranked.host)).collect();
        prop_assert!(ranking.eligible.iter().all(|ranked| ranked.host.is_offered()));
        prop_assert!(ranking.left_out.iter().all(|(host, _)| !host.is_offered()));
        judged.extend(ranking.left_out.iter().map(|(host, _)| std::ptr::from_ref(*host)));
        judged.sort();
        let mut all: Vec<_> = hosts.iter().map(std::ptr::from_ref).collect();
        all.sort();
        prop_assert_eq!(judged, all);
    }

    #[test]
    fn a_seed_gives_one_order_in_whatever_order_the_rows_come(
        hosts in prop::collection::btree_map(0u32..1000, any_host(), 0..40), policy in any_policy(), seed: u64,
    ) {
        let mut hosts: Vec<HostView> = hosts.into_iter().map(|(number, row)| HostView { id: host(&format!("n{number}")).id, ..row }).collect();
        let forwards: Vec<_> = rank(&hosts, &Criteria::all(policy), seed).eligible.iter().map(|r| r.host.id).collect();
        hosts.reverse();
        let backwards: Vec<_> = rank(&hosts, &Criteria::all(policy), seed).eligible.iter().map(|r| r.host.id).collect();
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn nobody_is_taken_before_a_host_that_is_better_by_more_than_the_delta(
        hosts in prop::collection::vec(any_host(), 0..40), policy in any_policy(), seed: u64,
    ) {
        let ranking = rank(&hosts, &Criteria::all(policy), seed);
        for (place, taken) in ranking.eligible.iter().enumerate() {
            let behind = &ranking.eligible[place..];
            let best = behind.iter().map(|ranked| ranked.cost.total()).fold(f64::INFINITY, f64::min);
            prop_assert!(taken.cost.total() <= best + policy.delta());
            let prompt_equal = |other: &peermon::placement::Ranked<'_>| {
                other.host.state == HostState::Fresh && other.cost.total() <= best + policy.delta()
            };
            prop_assert!(taken.host.state == HostState::Fresh || !behind.iter().any(prompt_equal));
        }
    }

    #[test]
    fn pick_is_the_beginning_of_rank(
        hosts in prop::collection::vec(any_host(), 0..40), policy in any_policy(), seed: u64, count in 0usize..50,
    ) {
        let criteria = Criteria::all(policy);
        let ranked = rank(&hosts, &criteria, seed).eligible;
        let picked = pick(&hosts, &criteria, count, seed);
        prop_assert_eq!(picked.len(), count.min(ranked.len()));
        prop_assert!(picked.iter().zip(&ranked).all(|(picked, ranked)| std::ptr::eq(*picked, ranked.host)));
    }
}
