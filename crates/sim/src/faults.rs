//! What befalls links, peers and the chain.

/// What befalls links, peers and the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Seconds that anything takes between two peers, at most; unlike ones reorder.
    pub delay: u64,
    /// Of what is sent between peers, or to the chain, so much is lost.
    pub lost: u32,
    /// And so much arrives twice.
    pub doubled: u32,
    /// So often a peer ends while it does something.
    pub crash: u32,
    /// Seconds that it is down then, at most.
    pub down: u64,
    /// Crashes of a peer, at most.
    pub crashes: u32,
    /// So often a disk takes a while to keep something, and all that comes after it waits.
    pub slow: u32,
    /// Seconds that it takes then, at most.
    pub slow_for: u64,
    /// So often some peers are cut off from all others and from the chain, in each block.
    pub cut: u32,
    /// Seconds that a cut lasts, at most.
    pub cut_for: u64,
    /// So often the last blocks are replaced, in each block.
    pub reorganisation: u32,
    /// Blocks that are replaced at once, at most.
    pub depth: u64,
}

/// The kinds of faults, for a table.
pub const FAULTS: [&str; 7] = ["calm", "links", "crashes", "cuts", "reorganisations", "all", "beyond"];

impl Faults {
    /// None.
    pub const CALM: Faults = Faults {
        delay: 2,
        lost: 0,
        doubled: 0,
        crash: 0,
        down: 0,
        crashes: 0,
        slow: 0,
        slow_for: 1,
        cut: 0,
        cut_for: 0,
        reorganisation: 0,
        depth: 0,
    };

    /// The faults of a kind: all but the last within the budget of [`crate::terms`].
    pub fn of(kind: usize) -> Faults {
        let links = Faults { delay: 20, lost: 100_000, doubled: 100_000, ..Faults::CALM };
        let crashes =
            Faults { crash: 10_000, down: 90, crashes: 4, slow: 300_000, slow_for: 60, ..Faults::CALM };
        let cuts = Faults { cut: 10_000, cut_for: 90, ..Faults::CALM };
        let reorganisations = Faults { reorganisation: 50_000, depth: 3, ..Faults::CALM };
        match FAULTS[kind] {
            "calm" => Faults::CALM,
            "links" => links,
            "crashes" => crashes,
            "cuts" => cuts,
            "reorganisations" => reorganisations,
            "beyond" => Faults::beyond(),
            _ => Faults {
                delay: 10,
                lost: 50_000,
                doubled: 50_000,
                crash: 3_000,
                down: 60,
                crashes: 2,
                slow: 100_000,
                slow_for: 30,
                cut: 3_000,
                cut_for: 60,
                reorganisation: 20_000,
                depth: 3,
            },
        }
    }

    /// Faults beyond every budget.
    fn beyond() -> Faults {
        Faults {
            down: 4_000,
            cut: 5_000,
            cut_for: 4_000,
            crash: 10_000,
            crashes: 3,
            depth: 8,
            ..Faults::of(5)
        }
    }
}
