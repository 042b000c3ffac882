//! What is shown at a leaf of a tree, and the other's answer to it.
//!
//! ```text
//! Steps    step = step(state, trace)      ──> Parts ──> Trace or State
//! Trace    tensor(dtype, elements, top)   ──> Head  ──> Pages or Shape
//! Pages    words                          ──> Page  ──> Element
//! State    entry                          ──> Sink
//! Totals   word, the one before it, lanes  ──> Block or LanesShown
//! ```

use super::{Walk, needed, opened_top, root, same};
use crate::limits::LANES;
use crate::moves::{Descent, Head, Parts};
use crate::position::{Position, Stage};
use crate::refusal::Refusal;
use crate::words::{number, word_of};
use samebit_commit::merkle::height;
use samebit_commit::{Digest, Tag, hash, steps, tensor};

/// The root of a tensor of any dtype, known or not.
fn tensor_root(head: &Head) -> Digest {
    hash(Tag::Tensor, &[&[head.dtype], &head.elements.to_be_bytes(), head.top.as_ref()])
}

/// dtype · 2^64 + element count.
fn shape(dtype: u8, elements: u64) -> Digest {
    number(u128::from(dtype) << 64 | u128::from(elements))
}

/// Sets the element: of the node, or within a row of the body's node.
fn set_element(position: &mut Position, element: u64) {
    if position.in_row() { position.body_element = element } else { position.element = element }
}

impl Walk<'_> {
    /// Stands at the top of a tree.
    fn enter_tree(&mut self, stage: Stage, count: u64) {
        self.leave_tree(stage);
        self.to.count = count;
        self.to.level = height(count) as u8;
    }

    /// Shows what the leaf is made of.
    pub(super) fn land(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        match self.to.stage {
            Stage::Steps => self.land_step(rest),
            Stage::Trace => self.land_node(rest),
            Stage::State => {
                self.to.node = self.to.index as u32;
                self.leave_tree(Stage::Sink);
                Ok(())
            }
            Stage::Pages => self.land_page(rest),
            Stage::Totals => self.land_total(rest),
            stage => Err(Refusal::WrongStage(stage)),
        }
    }

    fn land_step(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        self.to.step = self.to.index;
        if self.to.held.contains(&Digest::ZERO) {
            self.to.held = self.to.held.map(|leaf| number((leaf != Digest::ZERO).into()));
            self.leave_tree(Stage::Ended);
            return Ok(());
        }
        let parts = needed(&mut rest.parts, "parts")?;
        self.check_parts(&parts)?;
        self.to.nodes[self.own] = parts.state_top;
        self.leave_tree(Stage::Parts);
        Ok(())
    }

    /// Takes the own parts of the step; the own side then holds its trace's top.
    fn check_parts(&mut self, parts: &Parts) -> Result<(), Refusal> {
        let question = self.case.question;
        let trace = root(question.node_count, parts.trace_top);
        let step = steps::step(root(question.state_count, parts.state_top), trace);
        same("the parts of the step", step, self.to.held[self.own])?;
        self.to.traces[self.own] = trace;
        self.to.held[self.own] = parts.trace_top;
        Ok(())
    }

    /// The other has shown its parts: the traces are gone into if they differ, else the states.
    pub(super) fn answer_parts(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let parts = needed(&mut rest.parts, "parts")?;
        self.check_parts(&parts)?;
        let mut states = std::mem::take(&mut self.to.nodes);
        states[self.own] = parts.state_top;
        if self.to.traces[0] != self.to.traces[1] {
            self.enter_tree(Stage::Trace, self.case.question.node_count);
        } else {
            self.to.held = states;
            self.enter_tree(Stage::State, self.case.question.state_count);
        }
        Ok(())
    }

    fn land_node(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let head = needed(&mut rest.head, "head")?;
        same("the tensor", tensor_root(&head), self.to.held[self.own])?;
        // Nodes of programs and bodies are counted by u32.
        let node = self.to.index as u32;
        if self.to.in_row() {
            self.to.body_node = node;
        } else {
            self.to.node = node;
            self.to.nodes = self.to.held;
        }
        (self.to.dtype, self.to.elements) = (head.dtype, head.elements);
        self.to.held[self.own] = head.top;
        self.leave_tree(Stage::Head);
        Ok(())
    }

    /// The other has shown its tensor: the pages are gone into if the shapes are the same.
    pub(super) fn answer_head(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let head = needed(&mut rest.head, "head")?;
        same("the tensor", tensor_root(&head), self.to.held[self.own])?;
        if (head.dtype, head.elements) == (self.to.dtype, self.to.elements) {
            self.to.held[self.own] = head.top;
            self.enter_tree(Stage::Pages, tensor::page_count(head.elements));
            return Ok(());
        }
        self.to.held[self.own] = shape(head.dtype, head.elements);
        self.to.held[self.other] = shape(self.to.dtype, self.to.elements);
        (self.to.dtype, self.to.elements) = (0, 0);
        self.to.stage = Stage::Shape;
        Ok(())
    }

    fn land_page(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let words = own_words(rest)?;
        let page = self.to.index;
        self.check_page("the own page", page, &words, self.to.held[self.own])?;
        set_element(&mut self.to, page * tensor::PAGE_WORDS as u64);
        self.leave_tree(Stage::Page);
        Ok(())
    }

    fn check_page(
        &self,
        what: &'static str,
        page: u64,
        words: &[u32],
        expected: Digest,
    ) -> Result<(), Refusal> {
        let length = tensor::page_length(self.to.elements, page);
        if words.len() != length {
            return Err(Refusal::WrongLength { found: words.len(), expected: length });
        }
        same(what, tensor::page_digest(words), expected)
    }

    /// Points at an element in which both pages differ.
    pub(super) fn point(&mut self, offset: u8, own: &[u32], other: &[u32]) -> Result<(), Refusal> {
        self.at(Stage::Page)?;
        let first = self.to.element_index();
        let page = first / tensor::PAGE_WORDS as u64;
        self.check_page("the own page", page, own, self.to.held[self.own])?;
        self.check_page("the other's page", page, other, self.to.held[self.other])?;
        let at = usize::from(offset);
        let (Some(&own), Some(&other)) = (own.get(at), other.get(at)) else {
            return Err(Refusal::OffsetBeyondEnd { offset, length: own.len() });
        };
        if own == other {
            return Err(Refusal::SameWord(own));
        }
        set_element(&mut self.to, first + u64::from(offset));
        let in_row = self.to.in_row();
        let words = if in_row { &mut self.to.body_words } else { &mut self.to.words };
        words[self.own] = own;
        words[self.other] = other;
        (self.to.dtype, self.to.elements, self.to.held) = (0, 0, [Digest::ZERO; 2]);
        self.to.stage = Stage::Element;
        Ok(())
    }

    fn land_total(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let block = self.to.index;
        if block > 0 {
            let before = needed(&mut rest.before, "before")?;
            let top = opened_top(&before.siblings, self.to.count, block - 1, steps::total(before.word))?;
            let found = root(self.to.count, top);
            same("the total before", found, self.to.totals[self.own])?;
            self.to.total = before.word;
        }
        debug_assert!(self.to.held.iter().all(|&held| word_of(held).is_some()));
        self.to.block = block;
        self.to.totals = [Digest::ZERO; 2];
        self.leave_tree(Stage::Block);
        if std::mem::take(&mut self.to.laned) {
            let words = own_words(rest)?;
            let wrong = |_| Refusal::WrongLength { found: words.len(), expected: LANES };
            self.show_lanes(words[..].try_into().map_err(wrong)?);
        }
        Ok(())
    }
}

fn own_words(rest: &mut Descent) -> Result<Vec<u32>, Refusal> {
    let words = std::mem::take(&mut rest.words);
    if words.is_empty() { Err(Refusal::MissingPart("words")) } else { Ok(words) }
}
