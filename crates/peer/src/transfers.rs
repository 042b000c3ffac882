//! Parcels on their way: where is it, fetch it, here it is.
//!
//! ```text
//! fetch  ──Where──> peer ──Here(hash, size)──> transport ──> incoming/ ──> Arrived
//! serve  <──Where── peer   Provide(file) ──> hash, size ──Here──> peer
//! ```

use crate::limits::{ASKING, TRANSFER_PACE, TRANSFER_WAIT, TRANSFERS, UNWANTED};
use crate::speech::{Here, Where};
use crate::store::Shelf;
use samebit_commit::Canonical;
use samebit_market::Owner;
use samebit_net::limits::FETCHES;
use samebit_net::{Blob as Parcel, Command, PeerId, QuestionId, RequestId};
use samebit_roles::Blob;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub struct Transfers {
    shelf: Shelf,
    /// Bytes of a parcel of which nothing else is known.
    most: u64,
    requests: u64,
    /// Who was asked where a parcel is.
    asked: BTreeMap<RequestId, Fetching>,
    /// What is being fetched.
    fetching: BTreeMap<Parcel, Fetching>,
    /// What has come and is being looked at.
    checking: BTreeSet<Blob>,
    /// What others have asked for and was not answered.
    asking: BTreeMap<(Blob, Owner), Vec<QuestionId>>,
    /// Parcels of which the transport is finding the name.
    named: BTreeMap<PathBuf, Blob>,
    /// Names that the transport has given to parcels.
    provided: BTreeMap<Blob, Parcel>,
}

/// A parcel that is wanted of somebody.
#[derive(Clone, Copy, Debug)]
struct Fetching {
    blob: Blob,
    /// How many bytes it has, if that is known.
    bytes: Option<u64>,
    from: Owner,
    peer: PeerId,
    since: Instant,
    /// When it was wanted last.
    wanted: Instant,
}

impl Fetching {
    /// Whether it has not said for long where the parcel is: it may be dead.
    fn is_silent(&self) -> bool {
        self.since.elapsed() > TRANSFER_WAIT
    }

    /// Whether somebody else may be asked instead: whoever gives little at a time keeps nobody waiting for long.
    fn is_late(&self) -> bool {
        let bytes = self.bytes.unwrap_or_default();
        self.since.elapsed() > TRANSFER_WAIT + Duration::from_secs(bytes / TRANSFER_PACE)
    }
}

impl Transfers {
    /// Nothing on its way; a parcel of which nothing else is known has at most so many bytes.
    pub fn new(shelf: Shelf, most: u64) -> Transfers {
        Transfers {
            shelf,
            most,
            requests: 0,
            asked: BTreeMap::new(),
            fetching: BTreeMap::new(),
            checking: BTreeSet::new(),
            asking: BTreeMap::new(),
            named: BTreeMap::new(),
            provided: BTreeMap::new(),
        }
    }

    /// Asks a peer where a parcel is, unless that is under way; one that comes too slowly is asked of the next, and gives its place to another where
    /// there is none left.
    pub fn fetch(&mut self, blob: Blob, bytes: Option<u64>, from: Owner, peer: PeerId) -> Vec<Command> {
        let now = Instant::now();
        let fetching = self.fetching.values_mut();
        fetching.filter(|held| held.blob == blob).for_each(|held| held.wanted = now);
        let mut commands = self.give_up(|held| held.wanted.elapsed() > UNWANTED);
        // What lies there to be looked at must not change.
        let is_asked = self.asked.values().any(|held| held.blob == blob && !held.is_silent())
            || self.checking.contains(&blob);
        let under_way = self.fetching.values().find(|held| held.blob == blob);
        let is_coming = under_way.is_some_and(|held| !held.is_late() || held.from == from);
        if is_asked || is_coming {
            return commands;
        }
        commands.extend(self.give_up(|held| held.blob == blob));
        if self.fetching.len() >= FETCHES {
            let late = self.fetching.values().filter(|held| held.is_late()).min_by_key(|held| held.since);
            let late = late.map(|held| held.blob);
            commands.extend(self.give_up(|held| Some(held.blob) == late));
        }
        if self.asked.len() + self.fetching.len() >= TRANSFERS {
            return commands;
        }
        self.requests += 1;
        let request = RequestId(self.requests);
        self.asked.insert(request, Fetching { blob, bytes, from, peer, since: now, wanted: now });
        commands.push(Command::Ask { request, peer, body: Where(blob).to_bytes() });
        commands
    }

    /// Fetches such parcels no longer.
    fn give_up(&mut self, is_such: impl Fn(&Fetching) -> bool) -> Vec<Command> {
        self.fetching
            .extract_if(.., |_, held| is_such(held))
            .map(|(parcel, _)| Command::Forget(parcel))
            .collect()
    }

    /// Begins to fetch what a peer says it has, if it is still wanted of it.
    ///
    /// # Errors
    /// The blob that it does not have.
    pub fn answered(
        &mut self,
        request: RequestId,
        answer: Result<&[u8], String>,
    ) -> Result<Option<Command>, Blob> {
        let Some(fetching) = self.asked.remove(&request) else { return Ok(None) };
        let here = answer.and_then(|bytes| Here::from_bytes(bytes).map_err(|error| error.to_string()));
        let is_right = |size| fetching.bytes.map_or(size <= self.most, |bytes| size == bytes);
        let here = here.and_then(|Here(parcel)| match is_right(parcel.size) {
            true => Ok(parcel),
            false => Err(format!("a parcel of {} bytes", parcel.size)),
        });
        let parcel = match here {
            Ok(parcel) => parcel,
            Err(reason) => {
                tracing::debug!(from = %fetching.from, blob = ?fetching.blob, reason, "it is not there");
                return Err(fetching.blob);
            }
        };
        // One who was silent for long answers after another, or says of one parcel that it is another.
        let is_under_way = self.fetching.values().any(|held| held.blob == fetching.blob);
        if is_under_way || self.fetching.contains_key(&parcel) || self.checking.contains(&fetching.blob) {
            return Ok(None);
        }
        self.asked.retain(|_, held| held.blob != fetching.blob);
        self.fetching.insert(parcel, fetching);
        let path = self.shelf.incoming(fetching.blob, fetching.from);
        Ok(Some(Command::Fetch { blob: parcel, providers: vec![fetching.peer], path }))
    }

    /// What has come, if it has. The transport is to forget it: the file is going to be moved.
    pub fn fetched(&mut self, parcel: Parcel, is_whole: bool) -> Option<(Blob, Owner)> {
        let fetching = self.fetching.remove(&parcel)?;
        if is_whole {
            self.checking.insert(fetching.blob);
        }
        is_whole.then_some((fetching.blob, fetching.from))
    }

    /// What had come was looked at.
    pub fn checked(&mut self, blob: Blob) {
        self.checking.remove(&blob);
    }

    /// Whether the transport is to go on with a parcel because others fetch it here.
    pub fn is_provided(&self, parcel: Parcel) -> bool {
        self.provided.values().any(|held| *held == parcel)
    }

    /// A command that the network had no room for.
    pub fn dropped(&mut self, command: &Command) {
        match command {
            Command::Ask { request, .. } => drop(self.asked.remove(request)),
            Command::Fetch { blob, .. } => drop(self.fetching.remove(blob)),
            Command::Provide(path) => drop(self.named.remove(path)),
            _ => {}
        }
    }

    /// Remembers that somebody asks for a parcel; whether there is room to.
    pub fn ask(&mut self, blob: Blob, by: Owner, question: QuestionId) -> bool {
        let has_room = self.asking.values().map(Vec::len).sum::<usize>() < ASKING;
        if has_room {
            self.asking.entry((blob, by)).or_default().push(question);
        }
        has_room
    }

    /// Those who have asked for a parcel that there is not.
    pub fn refuse(&mut self, blob: Blob, by: Owner) -> Vec<Command> {
        let questions = self.asking.remove(&(blob, by)).unwrap_or_default();
        let answer = |question| Command::Answer { question, answer: Err("it is not held".to_owned()) };
        questions.into_iter().map(answer).collect()
    }

    /// Answers who has asked for a parcel, as soon as the transport has a name for it.
    pub fn serve(&mut self, blob: Blob, to: Owner) -> Vec<Command> {
        if let Some(parcel) = self.provided.get(&blob).copied() {
            return self.answer(blob, |asker| asker == to, parcel);
        }
        let path = self.shelf.path(blob);
        match self.named.insert(path.clone(), blob) {
            None => vec![Command::Provide(path)],
            Some(_) => Vec::new(),
        }
    }

    /// The transport has named a parcel, or has not.
    pub fn provided(&mut self, path: &Path, parcel: Option<Parcel>) -> Vec<Command> {
        let Some(blob) = self.named.remove(path) else { return Vec::new() };
        match parcel {
            Some(parcel) => {
                self.provided.insert(blob, parcel);
                self.answer(blob, |_| true, parcel)
            }
            None => {
                let askers: Vec<Owner> =
                    self.asking.keys().filter(|(held, _)| *held == blob).map(|(_, by)| *by).collect();
                askers.into_iter().flat_map(|by| self.refuse(blob, by)).collect()
            }
        }
    }

    /// A parcel is kept no longer.
    pub fn forget(&mut self, blob: Blob) -> Option<Command> {
        self.provided.remove(&blob).map(Command::Forget)
    }

    fn answer(&mut self, blob: Blob, is_told: impl Fn(Owner) -> bool, parcel: Parcel) -> Vec<Command> {
        let mut commands = Vec::new();
        self.asking.retain(|(held, by), questions| {
            let is_answered = *held == blob && is_told(*by);
            if is_answered {
                let answer =
                    |question: QuestionId| Command::Answer { question, answer: Ok(Here(parcel).to_bytes()) };
                commands.extend(questions.drain(..).map(answer));
            }
            !is_answered
        });
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_commit::Digest;

    const BLOB: Blob = Blob::State(Digest([1; 32]));
    const OWNERS: [Owner; 2] = [Owner([1; 20]), Owner([2; 20])];
    const PEERS: [PeerId; 2] = [PeerId([1; 32]), PeerId([2; 32])];
    const PARCEL: Parcel = Parcel { hash: [7; 32], size: 100 };
    const MOST: u64 = 1 << 20;

    fn transfers() -> Transfers {
        Transfers::new(Shelf::at(Path::new("peer")), MOST)
    }

    fn request(commands: &[Command]) -> RequestId {
        let request = commands.iter().find_map(|command| match command {
            Command::Ask { request, .. } => Some(*request),
            _ => None,
        });
        request.expect("somebody is asked")
    }

    /// Of which one parcel is on its way.
    fn fetching() -> Transfers {
        let mut transfers = transfers();
        let asked = request(&transfers.fetch(BLOB, Some(100), OWNERS[0], PEERS[0]));
        transfers.answered(asked, Ok(&Here(PARCEL).to_bytes())).expect("it is fetched");
        transfers
    }

    fn long_ago() -> Instant {
        Instant::now().checked_sub(2 * TRANSFER_WAIT).expect("the machine runs for so long")
    }

    #[test]
    fn a_state_of_another_size_is_not_fetched() {
        for (bytes, is_fetched) in [(None, true), (Some(100), true), (Some(99), false), (Some(101), false)] {
            let mut transfers = transfers();
            let asked = request(&transfers.fetch(BLOB, bytes, OWNERS[0], PEERS[0]));
            let command = transfers.answered(asked, Ok(&Here(PARCEL).to_bytes()));
            assert_eq!(command.is_ok_and(|command| command.is_some()), is_fetched, "{bytes:?}");
        }
        let mut transfers = transfers();
        let asked = request(&transfers.fetch(BLOB, None, OWNERS[0], PEERS[0]));
        let huge = Here(Parcel { size: MOST + 1, ..PARCEL });
        assert_eq!(transfers.answered(asked, Ok(&huge.to_bytes())), Err(BLOB));
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let mut transfers = transfers();
        let silent = request(&transfers.fetch(BLOB, Some(100), OWNERS[0], PEERS[0]));
        assert_eq!(transfers.fetch(BLOB, Some(100), OWNERS[1], PEERS[1]), [], "it was asked just now");
        transfers.asked.get_mut(&silent).expect("it was asked").since = long_ago();
        let asked = request(&transfers.fetch(BLOB, Some(100), OWNERS[1], PEERS[1]));
        transfers.answered(asked, Ok(&Here(PARCEL).to_bytes())).expect("it is fetched");
        assert_eq!(transfers.answered(silent, Ok(&Here(PARCEL).to_bytes())), Ok(None), "it is under way");
        assert_eq!(transfers.fetched(PARCEL, true), Some((BLOB, OWNERS[1])));
    }

    #[test]
    fn a_liar_about_one_parcel_does_not_stop_another() {
        let mut transfers = fetching();
        let other = Blob::State(Digest([2; 32]));
        let asked = request(&transfers.fetch(other, Some(100), OWNERS[1], PEERS[1]));
        assert_eq!(transfers.answered(asked, Ok(&Here(PARCEL).to_bytes())), Ok(None));
        assert_eq!(transfers.fetched(PARCEL, true), Some((BLOB, OWNERS[0])));
    }

    #[test]
    fn what_comes_too_slowly_is_fetched_of_the_next() {
        let mut transfers = fetching();
        assert_eq!(transfers.fetch(BLOB, Some(100), OWNERS[1], PEERS[1]), [], "it is under way");
        transfers.fetching.get_mut(&PARCEL).expect("it is under way").since = long_ago();
        assert_eq!(transfers.fetch(BLOB, Some(100), OWNERS[0], PEERS[0]), [], "nobody else has it");
        let commands = transfers.fetch(BLOB, Some(100), OWNERS[1], PEERS[1]);
        assert_eq!(commands[0], Command::Forget(PARCEL));
        let asked = request(&commands);
        let command = transfers.answered(asked, Ok(&Here(PARCEL).to_bytes()));
        assert!(matches!(command, Ok(Some(Command::Fetch { providers, .. })) if providers == [PEERS[1]]));
        assert_eq!(transfers.fetched(PARCEL, true), Some((BLOB, OWNERS[1])));
    }

    /// As many parcels under way as come at once.
    fn crowded() -> Transfers {
        let mut transfers = transfers();
        for number in 0..FETCHES as u8 {
            let asked = request(&transfers.fetch(blob(number), None, OWNERS[0], PEERS[0]));
            let here = Here(parcel(number));
            transfers.answered(asked, Ok(&here.to_bytes())).expect("it is fetched");
        }
        transfers
    }

    fn blob(number: u8) -> Blob {
        Blob::State(Digest([number; 32]))
    }

    fn parcel(number: u8) -> Parcel {
        Parcel { hash: [number; 32], ..PARCEL }
    }

    #[test]
    fn one_that_comes_too_slowly_makes_room_for_another() {
        let mut transfers = crowded();
        assert_eq!(
            transfers.fetch(blob(100), None, OWNERS[1], PEERS[1]).len(),
            1,
            "none is late: it is asked for only"
        );
        for number in [3, 5] {
            let since = long_ago() + Duration::from_millis(number.into());
            transfers.fetching.get_mut(&parcel(number)).expect("it is under way").since = since;
        }
        let commands = transfers.fetch(blob(101), None, OWNERS[1], PEERS[1]);
        assert_eq!(commands[0], Command::Forget(parcel(3)), "the latest goes");
        assert_eq!(commands.len(), 2);
    }

    #[test]
    fn what_nobody_wants_any_more_is_not_fetched() {
        let mut transfers = crowded();
        for number in [3, 5] {
            let long_ago = Instant::now().checked_sub(2 * UNWANTED).expect("the machine runs for so long");
            transfers.fetching.get_mut(&parcel(number)).expect("it is under way").wanted = long_ago;
        }
        let commands = transfers.fetch(blob(0), None, OWNERS[0], PEERS[0]);
        assert_eq!(commands, [3, 5].map(|number| Command::Forget(parcel(number))));
    }
}
