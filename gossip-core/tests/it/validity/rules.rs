//! The rule itself: ZIP-215's own cases, torsion, odd encodings, keys of small order.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use gossip_core::fact::{Why, is_small_order};
use gossip_core::id::NodeId;
use gossip_core::rng::Rng;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

use super::{
    Claim, Signer, field_bytes, hold_together, judge, near_prime, non_canonical_encodings,
    plus_order, random_scalar, small_order_encodings, with_sign,
};

#[test]
fn the_196_cases_hold_by_zip_215_and_are_refused_as_weak() {
    let cases = the_196_cases();
    assert_eq!(cases.len(), 196);
    for case in &cases {
        assert!(case.holds_by_zip_215() && zebra_alone(case) && zebra_together([case]), "{case:?}");
        assert_eq!(case.alone(), Err(Why::WeakKey), "{case:?}");
    }
    assert!(zebra_together(&cases));
    // Verifiers of the older rule part ways over these cases: they are not all alike.
    let strict = cases.iter().filter(|case| dalek_alone(case)).count();
    assert!((1..196).contains(&strict), "{strict}");

    let mut rng = Rng::from_number(196);
    let honest = honest_claims(&mut rng, 196);
    let mixed: Vec<_> = cases.iter().zip(&honest).flat_map(|(case, good)| [case, good]).collect();
    assert!(zebra_together(mixed.iter().copied()));
    assert!(hold_together(mixed.iter().copied()));
    for pair in judge(mixed).chunks(2) {
        assert_eq!(pair, [Err(Why::WeakKey), Ok(())]);
    }
    // A false claim among them changes nothing for the others.
    let mut mixed: Vec<_> = cases.iter().chain(&honest).cloned().collect();
    mixed.last_mut().unwrap().message.push(0);
    let verdicts = judge(&mixed);
    let (weak, honest) = verdicts.split_at(196);
    assert!(weak.iter().all(|verdict| *verdict == Err(Why::WeakKey)));
    let (last, others) = honest.split_last().unwrap();
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(*last, Err(Why::BadSignature));
}

#[test]
fn torsion_in_key_and_nonce_is_accepted_alone_and_together() {
    let mut rng = Rng::from_number(64);
    let mut claims = Vec::new();
    for key_torsion in EIGHT_TORSION {
        for nonce_torsion in EIGHT_TORSION {
            for _ in 0..4 {
                let signer = Signer::random(&mut rng, key_torsion);
                let nonce = random_scalar(&mut rng);
                claims.push(signer.sign(nonce, nonce_torsion, &rng.bytes::<20>()));
            }
        }
    }
    assert_all_accepted(&claims);
    // Without the cofactor most of them fail, and some hold: the torsion can cancel.
    let lax = claims.iter().filter(|claim| claim.holds_without_cofactor()).count();
    assert!((4..claims.len() / 2).contains(&lax), "{lax}");
    assert_eq!(lax, claims.iter().filter(|claim| dalek_alone(claim)).count());
}

#[test]
fn an_r_of_small_order_is_accepted_in_every_encoding() {
    let mut rng = Rng::from_number(14);
    let mut claims = Vec::new();
    for r in small_order_encodings() {
        for key_torsion in EIGHT_TORSION {
            let signer = Signer::random(&mut rng, key_torsion);
            claims.push(signer.sign_under(r, Scalar::ZERO, &rng.bytes::<20>()));
        }
    }
    assert_all_accepted(&claims);
    let strict = claims.iter().filter(|claim| dalek_alone(claim)).count();
    assert!((1..claims.len()).contains(&strict), "{strict}");
}

#[test]
fn odd_encodings_bind_as_bytes() {
    let mut rng = Rng::from_number(26);
    let honest = honest_claims(&mut rng, 1);
    let mut claims = Vec::new();
    for bytes in non_canonical_encodings() {
        claims.push(Claim { r: bytes, ..honest[0].clone() });
        if !is_small_order(NodeId::from_bytes(bytes)) {
            claims.push(Claim { author: bytes, ..honest[0].clone() });
        }
    }
    // The same point, encoded otherwise than it was when it was hashed.
    let signer = Signer::random(&mut rng, EIGHT_TORSION[0]);
    for (hashed, sent) in
        [(field_bytes(1), near_prime(1)), (with_sign(near_prime(-1)), near_prime(-1))]
    {
        let claim = signer.sign_under(hashed, Scalar::ZERO, b"m");
        assert_eq!(claim.alone(), Ok(()));
        claims.push(Claim { r: sent, ..claim });
    }
    assert_each_refused(&claims);
}

#[test]
fn s_is_canonical() {
    let mut rng = Rng::from_number(8);
    let mut claims = Vec::new();
    for honest in honest_claims(&mut rng, 8) {
        for times in 1..=15 {
            claims.extend(plus_order(honest.s, times).map(|s| Claim { s, ..honest.clone() }));
        }
    }
    assert!(claims.len() > 8 * 13);
    assert_each_refused(&claims);
    // At the very bound, which only keys of small order reach: s = 0 holds, s = order does not.
    let zero = the_196_cases().swap_remove(0);
    let order = Claim { s: plus_order(zero.s, 1).unwrap(), ..zero };
    assert!(!zebra_alone(&order) && !zebra_together([&order]) && !order.holds_by_zip_215());
    assert_eq!(order.alone(), Err(Why::WeakKey));
}

#[test]
fn errors_of_two_claims_do_not_cancel() {
    let mut rng = Rng::from_number(2);
    for _ in 0..64 {
        let signer = Signer::random(&mut rng, EIGHT_TORSION[0]);
        let shift = random_scalar(&mut rng);
        let mut claim = |shift: Scalar| {
            let claim = signer.sign(random_scalar(&mut rng), EIGHT_TORSION[0], b"m");
            let s = (Scalar::from_bytes_mod_order(claim.s) + shift).to_bytes();
            Claim { s, ..claim }
        };
        // The plain sum of both equations holds; only the coefficients tell.
        let pair = [claim(shift), claim(-shift)];
        assert!((pair[0].error().unwrap() + pair[1].error().unwrap()).is_identity());
        assert!(!hold_together(&pair));
        assert_eq!(judge(&pair), [Err(Why::BadSignature); 2]);
    }
}

#[test]
fn nothing_is_claimed_by_no_claims() {
    assert!(hold_together([]));
    assert!(judge([]).is_empty());
}

#[test]
fn small_order_is_told_from_the_encoding_alone() {
    let encodings = small_order_encodings();
    assert_eq!((encodings.len(), non_canonical_encodings().len()), (14, 26));
    let mut weak = 0;
    let mut compare = |bytes: [u8; 32]| {
        let point = CompressedEdwardsY(bytes).decompress();
        let expected = point.is_some_and(|point| point.is_small_order());
        assert_eq!(is_small_order(NodeId::from_bytes(bytes)), expected, "{bytes:02x?}");
        weak += u32::from(expected);
    };
    encodings.iter().copied().for_each(&mut compare);
    // All neighbours at one bit, all y close to 0 and to the prime, and then at random.
    for encoding in &encodings {
        for bit in 0..256 {
            compare(flipped(*encoding, bit));
        }
    }
    for y in (0..=255).map(field_bytes).chain((-127..19).map(near_prime)) {
        compare(y);
        compare(with_sign(y));
    }
    let mut rng = Rng::from_number(100_000);
    for _ in 0..100_000 {
        let mut bytes = match rng.below(3) {
            0 => rng.bytes(),
            1 => encodings[rng.index(14)],
            _ => EIGHT_TORSION[rng.index(8)].compress().0,
        };
        for _ in 0..rng.below(4) {
            bytes = flipped(bytes, rng.index(256));
        }
        compare(bytes);
    }
    assert!(weak > 10_000, "{weak}");
}

/// As ZIP-215's tests make them: A and R of small order in every encoding, s = 0.
fn the_196_cases() -> Vec<Claim> {
    let encodings = small_order_encodings();
    let pairs = encodings.iter().flat_map(|author| encodings.iter().map(move |r| (author, r)));
    pairs.map(|(&author, &r)| Claim { author, r, s: [0; 32], message: b"Zcash".to_vec() }).collect()
}

fn honest_claims(rng: &mut Rng, count: usize) -> Vec<Claim> {
    let mut claim = || {
        let signer = Signer::random(rng, EIGHT_TORSION[0]);
        signer.sign(random_scalar(rng), EIGHT_TORSION[0], &rng.bytes::<40>())
    };
    (0..count).map(|_| claim()).collect()
}

fn assert_all_accepted(claims: &[Claim]) {
    for claim in claims {
        assert!(claim.holds_by_zip_215() && zebra_alone(claim) && hold_together([claim]));
        assert_eq!(claim.alone(), Ok(()), "{claim:?}");
    }
    assert!(hold_together(claims) && zebra_together(claims));
    assert!(judge(claims).iter().all(Result::is_ok));
}

fn assert_each_refused(claims: &[Claim]) {
    let good = honest_claims(&mut Rng::from_number(1), 1).remove(0);
    for claim in claims {
        assert!(!claim.holds_by_zip_215() && !zebra_alone(claim), "{claim:?}");
        assert_eq!(claim.alone(), Err(Why::BadSignature), "{claim:?}");
        assert!(!hold_together([claim]) && !hold_together([claim, &good]), "{claim:?}");
        assert_eq!(judge([&good, claim]), [Ok(()), Err(Why::BadSignature)]);
    }
}

fn zebra_alone(claim: &Claim) -> bool {
    let key = VerificationKey::try_from(VerificationKeyBytes::from(claim.author));
    key.is_ok_and(|key| key.verify(&claim.signature().into(), &claim.message).is_ok())
}

fn zebra_together<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> bool {
    let mut batch = batch::Verifier::new();
    for claim in claims {
        let key = VerificationKeyBytes::from(claim.author);
        batch.queue((key, claim.signature().into(), &claim.message[..]));
    }
    batch.verify(ChaCha8Rng::from_seed([7; 32])).is_ok()
}

/// The widespread older rule: no cofactor, R compared by its bytes.
fn dalek_alone(claim: &Claim) -> bool {
    use ed25519_dalek::Verifier as _;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&claim.author);
    let signature = ed25519_dalek::Signature::from_bytes(&claim.signature());
    key.is_ok_and(|key| key.verify(&claim.message, &signature).is_ok())
}

fn flipped(mut bytes: [u8; 32], bit: usize) -> [u8; 32] {
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}
