//! Membership under one trouble at a time: nobody who can be reached is shown as dead, `doctor` and `why` name
//! the true cause, and all is one view again when the trouble ends.

mod cut;
mod delay;
mod loss;
mod moved;
mod partition;
mod roaming;
mod standstill;

use std::time::Duration;

pub(crate) use self::cut::a_one_way_cut_is_named_and_nobody_dies_of_it;
pub(crate) use self::delay::slow_lines_are_named_and_nobody_dies_of_them;
pub(crate) use self::loss::loss_is_named_and_nobody_dies_of_it;
pub(crate) use self::moved::a_changed_address_is_named_and_the_moved_live;
pub(crate) use self::partition::a_partition_is_named_and_nobody_dies_on_ones_own_side;
pub(crate) use self::roaming::a_move_is_named_and_who_runs_on_stays_alive;
pub(crate) use self::standstill::a_standstill_is_named_and_convicts_nobody_else;

use crate::cluster::{Cluster, Listen, Variant};
use crate::lines::Host;
use crate::symptoms::{Found, all_find};
use crate::watch::Watch;

/// All hosts.
const ALL: [Host; 5] = [1, 2, 3, 4, 5];

/// How long a cause may take to be found on good lines: some ten rounds in which each probes each.
const FINDING: Duration = Duration::from_secs(30);

/// How long all may take to be well again, once the trouble is over, on good lines.
const HEALING: Duration = Duration::from_secs(60);

/// Five nodes that are well, and followed.
#[track_caller]
fn well(variant: Variant, seed: u64) -> (Cluster, Watch) {
    well_listening(variant, seed, Listen::Here)
}

/// The same, with nodes that listen so.
#[track_caller]
fn well_listening(variant: Variant, seed: u64, listen: Listen) -> (Cluster, Watch) {
    let cluster = Cluster::start_listening(variant, seed, 5, listen);
    all_find(&cluster, &ALL, &[], FINDING);
    let watch = Watch::start(&cluster);
    (cluster, watch)
}

/// Waits until all nodes see all members alive, in one view, and their doctors find no more than this; returns
/// how long each took.
#[track_caller]
fn well_again(cluster: &Cluster, left: &[Found], patience: Duration) -> (Duration, Duration) {
    let alive = cluster.all_alive(patience);
    (alive, alive + all_find(cluster, &ALL, left, patience))
}

/// A time that may never have come, for people.
fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("after {time:.1?}"))
}
