//! A job from its post to its last state, by peers over real connections, on the embedded chain with the real contracts.

mod common;

use common::{PATIENCE, POLL, Town, role};
use samebit_market::{JobStage, Ppm};
use samebit_roles::limits::{RETENTION, SWEEP};
use samebit_roles::{Blob, Custodian, Role, Verifier, Whistleblower};
use samebit_trace::Fault;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_done_and_its_states_are_those_of_a_local_run() {
    let mut town = Town::found().await;
    let submitter = town.submit(1).await;
    town.join(2, vec![role::solver(5)], 0, Vec::new()).await;
    for account in 3..6 {
        town.join(
            account,
            vec![Role::Verifier(Verifier { seats: 1 }), Role::Custodian(Custodian)],
            1,
            Vec::new(),
        )
        .await;
    }
    let machine = town.wait(submitter).await;
    let party = machine.party();
    let ledger = party.history().head();
    let job = ledger.market().jobs().next().expect("the job");
    assert_eq!(job.stage, JobStage::Done);
    let truth = town.truth();
    assert_eq!(ledger.settled(job.id), truth);
    assert!(truth.iter().all(|root| party.records().holds(Blob::State(*root))));
    assert!(ledger.market().is_balanced());
    assert!((2..6).all(|account| town.kept(account) > 1), "they keep it");
    town.pass(RETENTION + SWEEP).await;
    let until = Instant::now() + PATIENCE;
    while (2..6).any(|account| town.kept(account) > 0) {
        assert!(Instant::now() < until, "they keep it for ever");
        tokio::time::sleep(POLL).await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solver_that_errs_by_one_ulp_loses_and_another_goes_on() {
    let mut town = Town::found().await;
    let submitter = town.submit(1).await;
    let node = town.job.program.sinks[0];
    let fault = Fault::Value { step: 2, node, element: 3, ulps: 1 };
    let liar = town.join(2, vec![role::solver(5)], 0, vec![fault]).await;
    town.join(3, vec![role::solver(6)], 0, Vec::new()).await;
    for account in 4..7 {
        town.join(
            account,
            vec![Role::Verifier(Verifier { seats: 1 }), Role::Custodian(Custodian)],
            1,
            Vec::new(),
        )
        .await;
    }
    town.join(7, vec![Role::Whistleblower(Whistleblower { rate: Ppm(1_000_000) })], 0, Vec::new()).await;
    let machine = town.finish(submitter).await;
    let party = machine.party();
    let ledger = party.history().head();
    let job = ledger.market().jobs().next().expect("the job");
    assert_eq!(ledger.settled(job.id), town.truth());
    let tenures = ledger.tenures(job.id);
    assert_eq!(tenures[0].solver, liar);
    assert!(tenures[0].fault.is_some(), "the liar's attempt ended by a fault");
    assert_ne!(tenures.last().expect("there are two").solver, liar);
}
