//! The conformance suite of the store port.

mod describing;
mod dying;
mod keeping;
mod leasing;
mod merging;
mod subject;

use std::sync::Arc;

use self::subject::Subject;
use super::Script;
use crate::rng::Rng;
use crate::state::Set;
use crate::store::Store;
use crate::strategy::Retain;
use crate::strategy::retain::{KeepSiblings, LastWrite};
use crate::time::Epoch;

/// Holds a store to everything that the port promises.
///
/// `make` gives an empty store each time. `reopen` gives what is found when that store's process
/// has stopped in order and started again; a store that keeps nothing returns it as it is. Every
/// answer is also compared with that of a [`Model`](super::model::Model).
///
/// # Panics
/// If a promise is broken.
pub async fn store_conformance<S: Store>(make: impl AsyncFn() -> S, reopen: impl AsyncFn(S) -> S) {
    let last_write = async || Subject::new(make().await, LastWrite).await;
    let siblings = async || Subject::new(make().await, KeepSiblings).await;

    keeping::an_empty_store_is_empty(last_write().await).await;
    keeping::pages_hold_whole_keys(siblings().await).await;
    keeping::pages_stay_within_their_bytes(siblings().await).await;
    keeping::wiping_forgets_one_shard(last_write().await).await;
    keeping::wiping_raises_the_commit(last_write().await, &reopen).await;
    keeping::what_breaks_the_contract_is_refused(last_write().await).await;
    keeping::commits_count_merges(last_write().await).await;
    keeping::everything_is_found_again(siblings().await, &reopen).await;

    leasing::a_lease_shows_what_was(last_write().await).await;
    leasing::a_ninth_lease_ends_the_oldest(last_write().await).await;
    leasing::a_released_lease_has_ended(last_write().await).await;

    merging::the_highest_version_stays(last_write().await).await;
    merging::one_batch_is_merged_in_order(last_write().await).await;
    merging::siblings_stay_side_by_side(siblings().await).await;
    merging::order_and_copies_do_not_matter(LastWrite, &make).await;
    merging::order_and_copies_do_not_matter(KeepSiblings, &make).await;

    dying::a_deletion_outlives_its_key(last_write().await).await;
    dying::the_long_dead_come_back_as_dormant(last_write().await).await;
    dying::a_dormant_sibling_names_itself_only_to_its_own(siblings().await).await;
    dying::expiry_is_announced_once(last_write().await).await;
    dying::many_expire_in_turns(last_write().await).await;
    dying::large_ones_expire_in_turns(last_write().await).await;
    dying::many_are_dropped_in_turns(last_write().await).await;
    dying::what_lives_never_leaves(last_write().await).await;
    dying::sets_of_other_epochs_are_known(last_write().await).await;

    describing::parts_are_about_equal(last_write().await).await;
    describing::few_facts_make_few_parts(last_write().await).await;
    describing::any_span_of_any_set_is_described(last_write().await).await;
    describing::any_stretch_is_taken(last_write().await).await;
    describing::cells_sum_up_what_is_held(last_write().await).await;

    for seed in 0..16 {
        random_ops(seed, LastWrite, &make, &reopen).await;
        random_ops(seed, KeepSiblings, &make, &reopen).await;
    }
}

/// Runs a script; the answers must be the model's.
async fn random_ops<S: Store, R: Retain + Copy + 'static>(
    seed: u64,
    retain: R,
    make: &impl AsyncFn() -> S,
    reopen: &impl AsyncFn(S) -> S,
) {
    let script = Script::new(Arc::new(retain));
    let mut subject = Subject::new(make().await, retain).await;
    let mut dice = Rng::from_number(seed);
    for _ in 0..200 {
        let op = script.op(dice.next_u64(), subject.model());
        subject.run(op).await;
    }
    let mut subject = subject.reopen(reopen).await;
    for shard in script.shards() {
        subject.shard = shard;
        subject.scan("", None, usize::MAX).await;
        for set in
            [Set::Active(Epoch::ZERO), Set::Dormant { from: Epoch::ZERO, upto: Epoch::NEVER }]
        {
            subject.total(set).await;
        }
    }
}
