//! The digests of a job's life (job.md §2 … §7).

use crate::ids::{AttemptId, BatchId, DrawId, JobId, Owner, Seconds, SegmentId};
use samebit_commit::{Digest, Tag, Words};

/// Where the contracts are, and what they were deployed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The chain.
    pub chain_id: u64,
    /// The address of Market.
    pub market: Owner,
    /// The address of Fund.
    pub fund: Owner,
    /// Who governs fees and insurance.
    pub treasury: Owner,
    /// Time of a slow block there.
    pub slow_block: Seconds,
}

/// Whose a seal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Who runs the job.
    Solver = 0,
    /// Who checks a segment.
    Verifier = 1,
}

impl Site {
    /// The name of a job.
    pub fn job(&self, poster: Owner, nonce: u64, spec: Digest, terms: Digest) -> JobId {
        let words = self.words().address(poster.0).number(nonce);
        JobId(words.digest(spec).digest(terms).hash(Tag::Job))
    }

    fn words(&self) -> Words {
        Words::new().number(self.chain_id).address(self.market.0)
    }

    /// What somebody says a segment's interior root is, without saying it.
    pub fn seal(
        &self,
        (job, attempt, segment): (JobId, AttemptId, SegmentId),
        (role, owner): (Role, Owner),
        salt: Digest,
        interior: Digest,
    ) -> Digest {
        let words = self.words().digest(job.0).number(attempt.0).number(segment.0).number(role as u8);
        words.address(owner.0).digest(salt).digest(interior).hash(Tag::Seal)
    }
}

/// The leaf of a claimed segment.
pub fn claimed(state: Digest, seal: Digest) -> Digest {
    Words::new().digest(state).digest(seal).hash(Tag::Claimed)
}

/// The leaf of a secret.
pub fn secret(secret: Digest) -> Digest {
    Words::new().digest(secret).hash(Tag::Secret)
}

/// What a whistleblower commits to.
pub fn catch(
    job: JobId,
    attempt: AttemptId,
    segment: SegmentId,
    owner: Owner,
    salt: Digest,
    interior: Digest,
) -> Digest {
    let words = Words::new().digest(job.0).number(attempt.0).number(segment.0).address(owner.0);
    words.digest(salt).digest(interior).hash(Tag::Catch)
}

/// Which challenge a question of Dispute belongs to: its nonce.
pub fn asked(job: JobId, attempt: AttemptId, segment: SegmentId, number: u64) -> Digest {
    let words = Words::new().digest(job.0).number(attempt.0);
    words.number(segment.0).number(number).hash(Tag::Asked)
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DrawKind {
    /// A job's custodians.
    Custodians = 0,
    /// A batch's segments and their verifiers.
    Segments = 1,
    /// The verifiers of one segment, again.
    Verifiers = 2,
}

/// The randomness of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Luck(pub Digest);

impl Luck {
    /// From the beacon, for one draw of one job.
    pub fn of(
        beacon: Digest,
        (job, attempt): (JobId, AttemptId),
        kind: DrawKind,
        (batch, draw, round): (BatchId, DrawId, u64),
    ) -> Luck {
        let words = Words::new().digest(beacon).digest(job.0).number(attempt.0).number(kind as u8);
        Luck(words.number(batch.0).number(draw.0).number(round).hash(Tag::Draw))
    }

    /// Which share of a segment becomes a whole draw.
    pub fn rounding(self) -> u64 {
        remainder(self.words().number(0u8).hash(Tag::Draw), 1_000_000)
    }

    /// Which of `count` segments of stratum `stratum` is drawn.
    pub fn of_stratum(self, stratum: u64, count: u64) -> u64 {
        remainder(self.words().number(1u8).number(stratum).hash(Tag::Draw), count)
    }

    /// Which of `seats` seats is tried at try `attempt` for a place.
    pub fn seat(self, draw: DrawId, place: u64, attempt: u64, seats: u64) -> u64 {
        let words = self.words().number(2u8).number(draw.0).number(place).number(attempt);
        remainder(words.hash(Tag::Draw), seats)
    }

    /// Whether the solver must announce a false interior root.
    pub fn forces(self, segment: SegmentId, secret: Digest) -> bool {
        let words = self.words().number(3u8).number(segment.0).digest(secret);
        remainder(words.hash(Tag::Draw), 1_000_000) < u64::from(crate::params::FORCED.0)
    }

    fn words(self) -> Words {
        Words::new().digest(self.0)
    }
}

/// A digest as a big-endian number, modulo `modulus`.
pub fn remainder(digest: Digest, modulus: u64) -> u64 {
    let modulus = u128::from(modulus);
    let step = |rest: u128, &byte: &u8| (rest << 8 | u128::from(byte)) % modulus;
    digest.0.iter().fold(0, step) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_a_big_endian_number() {
        let mut digest = Digest::ZERO;
        digest.0[30..].copy_from_slice(&[1, 4]);
        assert_eq!(remainder(digest, 100), 260 % 100);
        // 2^255 mod 7 = 2^(255 mod 3) = 1.
        let mut high = Digest::ZERO;
        high.0[0] = 0x80;
        assert_eq!(remainder(high, 7), 1);
        assert_eq!(remainder(Digest([0xff; 32]), 1), 0);
    }
}
