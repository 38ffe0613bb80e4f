//! The laws of the overlay slot.

use super::sampler::nodes;
use crate::rng::Rng;
use crate::strategy::Overlay;

/// Members come and go so many times per seed.
const STEPS: usize = 50;

/// Holds an overlay to the laws of [`Overlay`]: links are members, ascending and distinct,
/// whoever comes and goes; and who knows somebody is linked with somebody.
///
/// # Panics
/// If a law is broken.
pub fn overlay_laws(make: impl Fn() -> Box<dyn Overlay>, seeds: std::ops::Range<u64>) {
    assert!(!make().name().is_empty(), "an overlay has a name");
    for seed in seeds {
        let rng = &mut Rng::from_number(seed);
        let nodes = nodes(rng.index(100));
        let mut overlay = make();
        for _ in 0..STEPS {
            let share = rng.index(5) as f64 / 4.0;
            let members: Vec<_> = nodes.iter().copied().filter(|_| rng.chance(share)).collect();
            let links = overlay.links(&members);
            let ascending = links.is_sorted_by(|a, b| a < b);
            assert!(ascending, "{overlay:?}, seed {seed}: not ascending and distinct");
            let known = links.iter().all(|link| members.binary_search(link).is_ok());
            assert!(known, "{overlay:?}, seed {seed}: a link with who is no member");
            let alone = links.is_empty() && !members.is_empty();
            assert!(!alone, "{overlay:?}, seed {seed}: alone among members");
        }
    }
}
