//! How points travel at which the time order is cut: without the zeros that most of them end in.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::state::Point;
use crate::time::Hlc;

/// The version, then the first bytes of the id up to the last one that is not zero.
pub(super) fn serialize<S: Serializer>(point: &Point, serializer: S) -> Result<S::Ok, S::Error> {
    let length = point.id.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let (id, _) = point.id.split_at(length);
    (point.hlc, id).serialize(serializer)
}

/// Refuses more than there is room for.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
    let (hlc, first) = <(Hlc, &[u8])>::deserialize(deserializer)?;
    let mut id = [0; 16];
    let (place, _) = id
        .split_at_mut_checked(first.len())
        .ok_or_else(|| D::Error::custom("a point has at most 16 bytes of an id"))?;
    place.copy_from_slice(first);
    Ok(Point { hlc, id })
}
