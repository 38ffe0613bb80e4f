//! Nodes as users run them, each on a host of its own: a network namespace. The test process
//! relays between the hosts, with loss, delay and cuts.
//!
//! It needs root, so no plain `cargo test` runs it: `cargo xtask netns` does.

#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and one that measures says so"
)]

mod agreement;
mod cluster;
mod cuts;
mod health;
mod lines;
mod links;
mod mixed;
mod moves;
mod network;
mod relay;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "the tests on loopback need more of it")]
mod support;
mod symptoms;
mod troubles;
mod watch;

/// Runs every scenario in each variant: transport, store and lines.
macro_rules! matrix {
    ($(
        $name:ident: $transport:literal on $store:literal over $lines:ident
        $(, also $place:ident::$more:ident)*;
    )*) => {$(
        mod $name {
            use crate::cluster::Variant;
            use crate::lines::Quality;

            const VARIANT: Variant = Variant {
                lines: Quality::$lines,
                name: stringify!($name),
                store: $store,
                transport: $transport,
            };

            #[test]
            fn everybody_agrees() {
                crate::agreement::everybody_agrees(VARIANT);
            }

            #[test]
            fn a_cut_heals() {
                crate::cuts::a_cut_heals(VARIANT);
            }

            #[test]
            fn a_one_way_cut_is_gone_around() {
                crate::cuts::a_one_way_cut_is_gone_around(VARIANT);
            }

            #[test]
            fn the_unheard_return() {
                crate::cuts::the_unheard_return(VARIANT);
            }

            #[test]
            fn a_one_way_cut_is_named() {
                crate::health::a_one_way_cut_is_named(VARIANT);
            }

            #[test]
            fn a_standstill_is_named() {
                crate::health::a_standstill_is_named(VARIANT);
            }

            #[test]
            fn a_device_goes_down_and_up() {
                crate::links::a_device_goes_down_and_up(VARIANT);
            }

            #[test]
            fn a_restarted_host_is_found_at_its_new_address() {
                crate::moves::a_restarted_host_is_found_at_its_new_address(VARIANT);
            }

            #[test]
            fn a_roaming_host_is_heard_again() {
                crate::moves::a_roaming_host_is_heard_again(VARIANT);
            }

            $(#[test]
            fn $more() {
                crate::$place::$more(VARIANT);
            })*
        }
    )*};
}

// A new transport or store is two lines here.
matrix! {
    udp_memory: "udp" on "memory" over LOCAL,
        also troubles::loss_is_named_and_nobody_dies_of_it,
        also troubles::slow_lines_are_named_and_nobody_dies_of_them,
        also troubles::a_one_way_cut_is_named_and_nobody_dies_of_it,
        also troubles::a_partition_is_named_and_nobody_dies_on_ones_own_side,
        also troubles::a_standstill_is_named_and_convicts_nobody_else,
        also troubles::a_changed_address_is_named_and_the_moved_live,
        also troubles::a_move_is_named_and_who_runs_on_stays_alive;
    udp_memory_bad: "udp" on "memory" over BAD;
    tcp_rocks: "tcp" on "rocks" over LOCAL;
    tcp_rocks_bad: "tcp" on "rocks" over BAD;
    both_memory: "udp+tcp" on "memory" over LOCAL,
        also troubles::loss_is_named_and_nobody_dies_of_it,
        also troubles::slow_lines_are_named_and_nobody_dies_of_them,
        also troubles::a_one_way_cut_is_named_and_nobody_dies_of_it,
        also troubles::a_partition_is_named_and_nobody_dies_on_ones_own_side,
        also troubles::a_standstill_is_named_and_convicts_nobody_else,
        also troubles::a_changed_address_is_named_and_the_moved_live,
        also troubles::a_move_is_named_and_who_runs_on_stays_alive;
    both_rocks: "udp+tcp" on "rocks" over LOCAL, also mixed::a_host_on_streams_alone_joins;
    both_rocks_bad: "udp+tcp" on "rocks" over BAD, also mixed::a_host_on_streams_alone_joins;
}
