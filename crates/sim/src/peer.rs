//! A peer: the production machine, what drives it, and its disk.

use crate::lies::Lie;
use crate::scene::{Actor, Part, Scene};
use crate::world::World;
use samebit_commit::{Digest, Tag, Words};
use samebit_market::{Amount, Owner, Seconds, Site};
use samebit_roles::Blob;
use samebit_roles::party::{Action, Event, Outcome, Record, Records, Task};
use samebit_roles::{
    Arithmetic, Custodian, Order, Party, Role, Secret, Solver, Submitter, Verifier, Whistleblower,
};
use std::collections::BTreeSet;

/// Seconds that a submitter waits for a solver.
const GIVE_UP: Seconds = Seconds(7_200);
/// How long the submitter waits for cheaper asks.
const ASK_WAIT: Seconds = Seconds(60);
/// The shortest time in which a solver trusts itself to answer.
const LEAST: Seconds = Seconds(600);

/// See the module.
pub struct Peer {
    pub owner: Owner,
    pub part: Part,
    pub lies: Vec<Lie>,
    pub party: Party<Arithmetic>,
    pub disk: Vec<Record>,
    pub is_up: bool,
    /// How often it has ended.
    pub life: u32,
    /// What really lies on its disk, whatever it believes.
    genuine: BTreeSet<Blob>,
}

impl Peer {
    /// A peer that begins.
    pub fn new(world: &World, scene: &Scene, actor: &Actor, site: Site, genesis: Digest) -> Peer {
        let disk = match actor.part {
            Part::Submitter => {
                vec![Record::Job(world.spec(), Box::new(world.outline())), Record::State(world.initial())]
            }
            _ => Vec::new(),
        };
        let party = machine(world, scene, actor.owner, actor.part, site, genesis);
        let Actor { owner, part, lies } = actor.clone();
        let genuine = disk.iter().filter_map(blob_of).collect();
        let mut peer = Peer { owner, part, lies, party, disk, is_up: true, life: 0, genuine };
        peer.read();
        peer
    }

    /// What it does about an event.
    pub fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        self.party.on(now, event)
    }

    /// It takes note of an event.
    pub fn recall(&mut self, now: Seconds, event: Event) {
        let _ = self.party.recall(now, event);
    }

    /// It ends: what is not on its disk is lost.
    pub fn crash(&mut self) {
        self.is_up = false;
        self.life += 1;
    }

    /// It begins again, with what is on its disk.
    /// Gives what was there before.
    pub fn restart(
        &mut self,
        world: &World,
        scene: &Scene,
        site: Site,
        genesis: Digest,
    ) -> Party<Arithmetic> {
        let party = machine(world, scene, self.owner, self.part, site, genesis);
        let before = std::mem::replace(&mut self.party, party);
        self.is_up = true;
        self.read();
        before
    }

    fn read(&mut self) {
        for record in self.disk.clone() {
            self.recall(Seconds(0), Event::Recalled(record));
        }
    }

    /// Whether it knows all that is on its disk, and nothing else.
    pub fn has_all(&self) -> bool {
        let mut records = Records::default();
        self.disk.iter().for_each(|record| records.add(record.clone()));
        records == *self.party.records()
    }

    /// Whether something really lies on its disk.
    pub fn has(&self, blob: Blob) -> bool {
        self.genuine.contains(&blob)
    }

    /// Takes something from its disk.
    pub fn forget(&mut self, blob: Blob) {
        self.genuine.remove(&blob);
        self.disk.retain(|record| match (record, blob) {
            (Record::Ran(piece, _) | Record::Traced(piece, _), Blob::Job(spec)) => piece.spec != spec,
            _ => blob_of(record) != Some(blob),
        });
    }

    /// What lies on its disk after a task.
    pub fn note(&mut self, task: &Task, outcome: &Outcome) {
        let blob = match (task, outcome) {
            (Task::Check { blob, .. }, Outcome::State | Outcome::Job(_)) => *blob,
            (_, Outcome::Ran(ran)) => Blob::State(ran.state),
            _ => return,
        };
        self.genuine.insert(blob);
    }
}

fn blob_of(record: &Record) -> Option<Blob> {
    match record {
        Record::State(root) => Some(Blob::State(*root)),
        Record::Job(spec, _) => Some(Blob::Job(*spec)),
        _ => None,
    }
}

fn machine(
    world: &World,
    scene: &Scene,
    owner: Owner,
    part: Part,
    site: Site,
    genesis: Digest,
) -> Party<Arithmetic> {
    let secret = Secret(Words::new().number(scene.number).address(owner.0).hash(Tag::File));
    let roles = match part {
        Part::Submitter => {
            let order = Order {
                spec: world.opening(),
                terms: scene.terms.clone(),
                nonce: 0,
                ask_wait: ASK_WAIT,
                give_up: GIVE_UP,
            };
            vec![Role::Submitter(Submitter { orders: vec![order] })]
        }
        Part::Solver(price) => vec![Role::Solver(Solver { price, least_seconds: LEAST, jobs: 1 })],
        Part::Seat => vec![Role::Verifier(Verifier { seats: 1 }), Role::Custodian(Custodian)],
        Part::Whistleblower(rate) => vec![Role::Whistleblower(Whistleblower { rate })],
    };
    debug_assert!(matches!(
        part,
        Part::Solver(Amount(1..)) | Part::Submitter | Part::Seat | Part::Whistleblower(_)
    ));
    Party::new(owner, secret, site, genesis, roles, Arithmetic)
}
