//! A job whose every step is known: a loss, a gradient norm and a state of two tensors, all made of hashes.

use crate::message::Answer;
use crate::terms::SpecOpening;
use samebit_commit::interior::{self, Evidence, Interior, PAGES, PageEvidence, WordEvidence, numbers};
use samebit_commit::state::{self, Entry, EntryOpening};
use samebit_commit::tensor::page_count;
use samebit_commit::{DType, Digest, Tag, Tree, Words, merkle::list_root_of, steps, tensor};

/// Elements of the tensors of a state.
const TENSORS: [(&str, u64); 2] = [("w", 700), ("m", 30)];

/// A job and what a run of it gives; runs with different seeds differ everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toy {
    /// What names the run.
    pub seed: u64,
    /// Steps of the job.
    pub steps: u64,
    /// Steps of a segment.
    pub segment_steps: u64,
}

impl Toy {
    /// A job of so many segments of two steps, the last one shorter.
    pub fn new(segments: u64) -> Toy {
        Toy { seed: 0, steps: 2 * segments - 1, segment_steps: 2 }
    }

    /// Another run of the same job: a false one.
    pub fn false_run(&self) -> Toy {
        Toy { seed: self.seed + 1, ..self.clone() }
    }

    /// The Spec.
    pub fn spec(&self) -> SpecOpening {
        let digest = |byte| Digest([byte; 32]);
        SpecOpening {
            version: 1,
            loss: 0,
            grad_norm: 1,
            states: digest(1),
            table_declarations: digest(2),
            nodes: digest(3),
            sinks: digest(4),
            initial: digest(5),
            tables: digest(6),
            steps: self.steps,
            segment_steps: self.segment_steps,
            profile: "f32".to_owned(),
        }
    }

    /// The steps of a segment.
    pub fn range(&self, segment: u64) -> std::ops::Range<u64> {
        let first = segment * self.segment_steps;
        first..(first + self.segment_steps).min(self.steps)
    }

    fn name(&self, what: u8, step: u64, index: u64) -> Digest {
        Words::new().number(self.seed).number(what).number(step).number(index).hash(Tag::File)
    }

    fn word(&self, what: u8, step: u64) -> u32 {
        u32::from(self.name(what, step, 0).0[0])
    }

    fn pages(&self, step: u64, entry: u64) -> Vec<Digest> {
        (0..page_count(TENSORS[entry as usize].1))
            .map(|page| self.name(2 + entry as u8, step, page))
            .collect()
    }

    fn entries(&self, step: u64) -> Vec<Entry> {
        let entry = |(at, &(name, elements)): (usize, &(&str, u64))| Entry {
            name: name.to_owned(),
            dtype: DType::F32,
            shape: vec![elements],
            root: tensor::root_of_pages(DType::F32, elements, &self.pages(step, at as u64)),
        };
        TENSORS.iter().enumerate().map(entry).collect()
    }

    fn outputs(&self, step: u64) -> Vec<Digest> {
        let output = |what| tensor::root(DType::F32, 1, tensor::page_digest(&[self.word(what, step)]));
        vec![output(0), output(1)]
    }

    fn step_leaf(&self, step: u64) -> Digest {
        steps::step(state::root(&self.entries(step)), list_root_of(&self.outputs(step)))
    }

    fn steps_tree(&self, segment: u64) -> Tree {
        Tree::new(self.range(segment).map(|step| self.step_leaf(step)).collect())
    }

    /// State root after a segment.
    pub fn state(&self, segment: u64) -> Digest {
        state::root(&self.entries(self.range(segment).end - 1))
    }

    /// What an honest claim in Dispute is made of.
    pub fn answer(&self, segment: u64) -> Answer {
        let tree = self.steps_tree(segment);
        Answer { state: self.state(segment), count: tree.count(), steps_top: tree.top() }
    }

    /// The interior leaves of a segment.
    pub fn leaves(&self, segment: u64) -> Vec<Digest> {
        self.range(segment).map(|step| self.interior(step).leaf()).collect()
    }

    /// The interior root of a segment.
    pub fn interior_root(&self, segment: u64) -> Digest {
        interior::root(&self.leaves(segment))
    }

    fn places(&self, step: u64) -> [(u64, u64); PAGES] {
        let spec = self.spec().digest();
        std::array::from_fn(|at| {
            let [entry, page] = numbers(spec, step, at);
            let entry = entry % TENSORS.len() as u64;
            (entry, page % page_count(TENSORS[entry as usize].1))
        })
    }

    fn interior(&self, step: u64) -> Interior {
        let page = |(entry, page): (u64, u64)| self.pages(step, entry)[page as usize];
        let pages = self.places(step).map(page);
        Interior { loss: self.word(0, step), grad_norm: self.word(1, step), pages }
    }

    /// What shows the leaf of a step, by its index in the segment.
    pub fn evidence(&self, segment: u64, index: u64) -> Evidence {
        let step = self.range(segment).start + index;
        let (entries, outputs) = (self.entries(step), Tree::new(self.outputs(step)));
        let word = |what: u8| WordEvidence {
            word: self.word(what, step),
            opening: outputs.open(what.into()).expect("it is inside"),
        };
        let page = |(entry, page): (u64, u64)| PageEvidence {
            entry: EntryOpening::new(&entries, entry).expect("it is inside"),
            page: self.pages(step, entry)[page as usize],
            opening: Tree::new(self.pages(step, entry)).open(page).expect("it is inside"),
        };
        Evidence {
            state: state::root(&entries),
            trace: outputs.root(),
            step: self.steps_tree(segment).open(index).expect("it is inside"),
            node_count: 2,
            loss: word(0),
            grad_norm: word(1),
            entry_count: TENSORS.len() as u64,
            pages: self.places(step).into_iter().map(page).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_commit::interior::Place;

    #[test]
    fn evidence_shows_every_leaf_and_no_other() {
        let toy = Toy::new(3);
        for segment in 0..3 {
            let answer = toy.answer(segment);
            let place = Place {
                spec: toy.spec().digest(),
                loss: 0,
                grad_norm: 1,
                first_step: toy.range(segment).start,
                count: answer.count,
                steps_top: answer.steps_top,
            };
            for (index, leaf) in (0..).zip(toy.leaves(segment)) {
                let evidence = toy.evidence(segment, index);
                assert_eq!(evidence.leaf(&place, index), Ok(leaf));
                let lies: [fn(&mut Evidence); 5] = [
                    |evidence| evidence.loss.word ^= 1,
                    |evidence| evidence.grad_norm.word ^= 1,
                    |evidence| evidence.pages[3].page.0[0] ^= 1,
                    |evidence| evidence.state.0[0] ^= 1,
                    |evidence| evidence.entry_count = 0,
                ];
                for lie in lies {
                    let mut evidence = evidence.clone();
                    lie(&mut evidence);
                    assert!(evidence.leaf(&place, index).is_err());
                }
                assert!(toy.false_run().evidence(segment, index).leaf(&place, index).is_err());
            }
        }
    }
}
