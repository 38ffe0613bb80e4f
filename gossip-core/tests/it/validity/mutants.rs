//! A million seeded cases: whatever is done to a claim, alone and together agree on it.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use gossip_core::fact::Why;
use gossip_core::rng::Rng;

use super::{
    Claim, Signer, decoded, hold_together, judge, non_canonical_encodings, plus_order,
    random_scalar, small_order_encodings,
};

/// Cases per test; the four tests below make a million, and run side by side.
const CASES: usize = 250_000;

#[test]
fn first_quarter_of_a_million_agrees() {
    Quarter::new(1).run();
}

#[test]
fn second_quarter_of_a_million_agrees() {
    Quarter::new(2).run();
}

#[test]
fn third_quarter_of_a_million_agrees() {
    Quarter::new(3).run();
}

#[test]
fn fourth_quarter_of_a_million_agrees() {
    Quarter::new(4).run();
}

/// What is done to a sound claim; none of it leaves one that the rule accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    /// One to three bits of the key are flipped.
    FlipKey,
    /// One to three bits of R.
    FlipR,
    /// One to three bits of s.
    FlipS,
    /// One to three bits of the message.
    FlipMessage,
    /// The message is longer or shorter.
    ResizeMessage,
    /// The group's order is added to s, up to 15 times.
    OrderAdded,
    /// s is off by a small number.
    ShiftS,
    /// R, s or both are another claim's.
    Swap,
    /// Another author.
    Attribute,
    /// Torsion is added to the signed key.
    AddKeyTorsion,
    /// Torsion is added to the signed R.
    AddNonceTorsion,
    /// Key or R is encoded in a way that is not canonical.
    OddEncoding,
    /// Key, R or s is random or extreme.
    Random,
    /// The key has small order, and ZIP-215 alone would accept the rest.
    WeakKey,
    /// The key has small order, the rest stays.
    WeakKeyTaken,
}

impl Mutation {
    const ALL: [Self; 15] = [
        Self::FlipKey,
        Self::FlipR,
        Self::FlipS,
        Self::FlipMessage,
        Self::ResizeMessage,
        Self::OrderAdded,
        Self::ShiftS,
        Self::Swap,
        Self::Attribute,
        Self::AddKeyTorsion,
        Self::AddNonceTorsion,
        Self::OddEncoding,
        Self::Random,
        Self::WeakKey,
        Self::WeakKeyTaken,
    ];
}

/// A quarter of the cases, from its own seed.
struct Quarter {
    odd: Vec<[u8; 32]>,
    /// Claims that hold, torsion and all: what mutations start from and batches are filled with.
    pool: Vec<Claim>,
    rng: Rng,
    signers: Vec<Signer>,
    small: Vec<[u8; 32]>,
}

impl Quarter {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_number(seed);
        let signers: Vec<_> =
            (0..64).map(|number| Signer::random(&mut rng, EIGHT_TORSION[number % 8])).collect();
        let (odd, small) = (non_canonical_encodings(), small_order_encodings());
        let mut quarter = Self { odd, pool: Vec::new(), rng, signers, small };
        quarter.pool = (0..512).map(|_| quarter.sound()).collect();
        quarter
    }

    fn run(mut self) {
        // Sound claims wait until they fill a batch of whatever size comes next.
        let (mut sound, mut batch_len) = (Vec::new(), 1);
        let mut mixed = Vec::new();
        for case in 0..CASES {
            let (claim, expected) = self.case(case);
            let alone = claim.alone();
            assert_eq!(alone, expected, "case {case}: {claim:?}");
            // One in 60 is also held against the rule's own text.
            if (case / 60).is_multiple_of(60) && alone != Err(Why::WeakKey) {
                assert_eq!(claim.holds_by_zip_215(), alone.is_ok(), "case {case}: {claim:?}");
            }
            if self.rng.below(32) == 0 {
                mixed.push((claim.clone(), alone));
            }
            if alone.is_ok() {
                sound.push(claim);
            } else if alone == Err(Why::BadSignature) {
                self.assert_spoils(&claim);
            }
            if sound.len() == batch_len {
                assert!(hold_together(&sound), "{sound:?}");
                sound.clear();
                batch_len = 1 + self.rng.index(128);
            }
            if mixed.len() == 64 {
                let verdicts = judge(mixed.iter().map(|(claim, _)| claim));
                assert!(verdicts.iter().eq(mixed.iter().map(|(_, alone)| alone)));
                mixed.clear();
            }
        }
    }

    /// Every fourth claim is sound, the others had each mutation in turn.
    fn case(&mut self, case: usize) -> (Claim, Result<(), Why>) {
        if case.is_multiple_of(4) {
            return (self.sound(), Ok(()));
        }
        let mutation = Mutation::ALL[case % Mutation::ALL.len()];
        let before = self.pick();
        let mut claim = before.clone();
        // A mutation may put there what was there before: then it is made again.
        while claim == before {
            self.mutate(mutation, &mut claim);
        }
        let weak = matches!(mutation, Mutation::WeakKey | Mutation::WeakKeyTaken);
        (claim, Err(if weak { Why::WeakKey } else { Why::BadSignature }))
    }

    /// A false claim fails its batch, in whatever sound company.
    fn assert_spoils(&mut self, claim: &Claim) {
        // Mostly none: its own equation is the cheapest, and company must not change the outcome.
        let company = match self.rng.below(256) {
            0 => self.rng.index(128),
            1..32 => 1 + self.rng.index(3),
            _ => 0,
        };
        let mut batch: Vec<_> = (0..company).map(|_| &self.pool[self.rng.index(512)]).collect();
        batch.insert(self.rng.index(company + 1), claim);
        assert!(!hold_together(batch), "{claim:?}");
    }

    /// A fresh claim that the rule accepts; mostly with torsion in its key, its R or both.
    fn sound(&mut self) -> Claim {
        let message = self.rng.bytes::<24>();
        let nonce = random_scalar(&mut self.rng);
        let signer = &self.signers[self.rng.index(64)];
        match self.rng.below(4) {
            0 => signer.sign_under(self.small[self.rng.index(14)], Scalar::ZERO, &message),
            1 => signer.sign(nonce, EIGHT_TORSION[0], &message),
            _ => signer.sign(nonce, torsion(&mut self.rng), &message),
        }
    }

    fn mutate(&mut self, mutation: Mutation, claim: &mut Claim) {
        let rng = &mut self.rng;
        match mutation {
            Mutation::FlipKey => flip(rng, &mut claim.author),
            Mutation::FlipR => flip(rng, &mut claim.r),
            Mutation::FlipS => flip(rng, &mut claim.s),
            Mutation::FlipMessage => flip(rng, &mut claim.message),
            Mutation::ResizeMessage => claim.message.resize(rng.index(80), 0),
            Mutation::OrderAdded => {
                let times = 1 + rng.index(15) as u32;
                claim.s = plus_order(claim.s, times).unwrap_or(claim.s);
            }
            Mutation::ShiftS => {
                let s = Scalar::from_bytes_mod_order(claim.s);
                let shift = Scalar::from(1 + rng.below(8));
                claim.s = if rng.chance(0.5) { s + shift } else { s - shift }.to_bytes();
            }
            Mutation::Swap => {
                let other = self.pick();
                let parts = 1 + self.rng.below(3);
                // A small-order R may be the other's too, in the same encoding.
                if parts & 1 != 0 {
                    claim.r = other.r;
                }
                if parts & 2 != 0 || claim.r == other.r {
                    claim.s = other.s;
                }
            }
            Mutation::Attribute => claim.author = self.signers[rng.index(64)].author,
            Mutation::AddKeyTorsion => claim.author = add(&claim.author, torsion(rng)),
            Mutation::AddNonceTorsion => claim.r = add(&claim.r, torsion(rng)),
            Mutation::OddEncoding => match self.odd[rng.index(self.odd.len())] {
                odd if rng.chance(0.5) && !self.small.contains(&odd) => claim.author = odd,
                odd => claim.r = odd,
            },
            Mutation::Random => randomise(rng, claim),
            Mutation::WeakKey => {
                claim.author = self.small[rng.index(14)];
                claim.r = self.small[rng.index(14)];
                claim.s = [0; 32];
            }
            Mutation::WeakKeyTaken => claim.author = self.small[rng.index(14)],
        }
    }

    fn pick(&mut self) -> Claim {
        self.pool[self.rng.index(512)].clone()
    }
}

fn randomise(rng: &mut Rng, claim: &mut Claim) {
    let bytes = match rng.below(4) {
        0 => [0xff; 32],
        1 => Scalar::from(rng.below(3)).to_bytes(),
        _ => rng.bytes(),
    };
    match rng.below(3) {
        // The small numbers are y coordinates of small order.
        0 if bytes[1..] != [0; 31] => claim.author = bytes,
        1 => claim.r = bytes,
        _ => claim.s = bytes,
    }
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    for _ in 0..=rng.below(3) {
        let bit = rng.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

fn torsion(rng: &mut Rng) -> EdwardsPoint {
    EIGHT_TORSION[1 + rng.index(7)]
}

fn add(bytes: &[u8; 32], torsion: EdwardsPoint) -> [u8; 32] {
    (decoded(bytes) + torsion).compress().0
}
