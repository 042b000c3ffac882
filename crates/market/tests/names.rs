//! The digests of job.md, as another program computes them: `hash(tag, fields as words)` with Python's hashlib.

use samebit_commit::Digest;
use samebit_market::testing::{Script, owner};
use samebit_market::{AttemptId, BatchId, DrawId, JobId, SegmentId, Site, names, params};

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn golden(text: &str) -> Digest {
    text.parse().expect("64 digits")
}

#[test]
fn digests_are_those_of_the_page() {
    let slow_block = params::SLOW_BLOCK;
    let site =
        Site { chain_id: 31_337, market: owner(0xaa), fund: owner(0xbb), treasury: owner(0xcc), slow_block };
    let (job, attempt, segment) = (JobId(digest(1)), AttemptId(2), SegmentId(3));
    let seal = site.seal((job, attempt, segment), (names::Role::Verifier, owner(4)), digest(5), digest(6));
    let luck = names::Luck::of(
        digest(1),
        (JobId(digest(2)), AttemptId(3)),
        names::DrawKind::Segments,
        (BatchId(4), DrawId(0), 0),
    );
    let found = [
        site.job(owner(1), 5, digest(6), digest(7)).0,
        names::claimed(digest(1), digest(2)),
        seal,
        names::secret(digest(9)),
        luck.0,
        names::catch(job, attempt, segment, owner(4), digest(5), digest(6)),
        names::asked(job, attempt, segment, 4),
        Script::terms().digest(),
    ];
    let expected = [
        "a3c9bae916cdfd1513cd38181f267ba546e355d0156f85a9ae6e029d4855faf3",
        "3a2457c52ec626b91279114419899de73dbec7b89d1e303a0fb31ed5284ab53e",
        "c4954a6f7b584083f609b5c9ed9b0ba0de672ef6e77657dc77b919ebd060cc48",
        "3ef9290a0b58a5ee8fbd93112008221ed39899a3be880a40ffb7d2d4a24ece83",
        "1bb6c4d2cb666f7fc478ced9d466d8b32f6aa1cb9406428775ed343746250715",
        "06368fa0d675f144ea4b41da7d10c630cbfd28def25ca40e6d676e2bec25cbf9",
        "ee6c34bf3459a4c1b681cb3953721b9992e6fb5810b3180a491943910cebba99",
        "65a732a597c5602446a444b89864cd073b7acd2f480b44591646cb5f388a267a",
    ];
    assert_eq!(found, expected.map(golden));
    assert_eq!(luck.rounding(), 883_694);
    assert_eq!(luck.of_stratum(2, 17), 14);
    assert_eq!(luck.seat(DrawId(3), 1, 5, 1001), 319);
}
