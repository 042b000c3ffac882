//! Index maps: which element an input reads, as data (docs/spec/program.md §2).
//!
//! A map is `constant + Σ coefficient · atom` in natural numbers. Builders compose maps with `+`, [`Index::times`],
//! [`Index::div`] and [`Index::modulo`]; the canonical form (terms sorted, merged, none zero) is kept by construction, so
//! equal maps are equal values.

use std::ops::Add;

/// A flat index as a sum of scaled atoms. `Index::default()` is the constant 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index {
    /// The constant part.
    pub constant: u64,
    /// Coefficient and atom, sorted by atom; no coefficient is 0 and no atom occurs twice.
    pub terms: Vec<(u64, Atom)>,
}

/// What an index map is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// The output coordinate of this dimension.
    Coord(u8),
    /// The fold index.
    Fold,
    /// In a composite's body: the flat index of the row.
    Row,
    /// The step's number.
    Step,
    /// ⌊map / divisor⌋.
    Div(u64, Box<Index>),
    /// map mod divisor.
    Mod(u64, Box<Index>),
    /// An element of an earlier integer node of the outer program.
    Element(u32, Box<Index>),
}

/// The map that is the coordinate of output dimension `dimension`.
pub fn coord(dimension: u8) -> Index {
    Index::from(Atom::Coord(dimension))
}

/// The map that is the fold index.
pub fn fold() -> Index {
    Index::from(Atom::Fold)
}

/// The map that is the composite's row.
pub fn row() -> Index {
    Index::from(Atom::Row)
}

/// The map that is the step's number.
pub fn step() -> Index {
    Index::from(Atom::Step)
}

/// The map that is element `at` of integer node `node`.
pub fn element(node: u32, at: Index) -> Index {
    Index::from(Atom::Element(node, Box::new(at)))
}

impl From<Atom> for Index {
    fn from(atom: Atom) -> Self {
        Index { constant: 0, terms: vec![(1, atom)] }
    }
}

impl From<u64> for Index {
    fn from(constant: u64) -> Self {
        Index { constant, terms: Vec::new() }
    }
}

impl Add for Index {
    type Output = Index;

    fn add(mut self, other: Index) -> Index {
        self.constant += other.constant;
        for (coefficient, atom) in other.terms {
            match self.terms.binary_search_by(|(_, held)| held.cmp(&atom)) {
                Ok(at) => self.terms[at].0 += coefficient,
                Err(at) => self.terms.insert(at, (coefficient, atom)),
            }
        }
        self
    }
}

impl Add<u64> for Index {
    type Output = Index;

    fn add(mut self, constant: u64) -> Index {
        self.constant += constant;
        self
    }
}

impl Index {
    /// The map scaled by `factor`.
    pub fn times(mut self, factor: u64) -> Index {
        if factor == 0 {
            return Index::default();
        }
        self.constant *= factor;
        self.terms.iter_mut().for_each(|(coefficient, _)| *coefficient *= factor);
        self
    }

    /// ⌊map / divisor⌋.
    #[expect(clippy::should_implement_trait, reason = "the other side is a number, not a map")]
    pub fn div(self, divisor: u64) -> Index {
        assert!(divisor > 0, "an index map divided by 0");
        match (divisor, self.terms.is_empty()) {
            (1, _) => self,
            (_, true) => Index::from(self.constant / divisor),
            _ => Index::from(Atom::Div(divisor, Box::new(self))),
        }
    }

    /// map mod divisor.
    pub fn modulo(self, divisor: u64) -> Index {
        assert!(divisor > 0, "an index map modulo 0");
        match (divisor, self.terms.is_empty()) {
            (1, _) => Index::default(),
            (_, true) => Index::from(self.constant % divisor),
            _ => Index::from(Atom::Mod(divisor, Box::new(self))),
        }
    }

    /// The coefficient of an atom that stands outside every `div`, `mod` and `element`; 0 if it does not.
    pub fn coefficient(&self, atom: &Atom) -> u64 {
        self.terms.iter().find(|(_, held)| held == atom).map_or(0, |(coefficient, _)| *coefficient)
    }

    /// Whether the map is a sum of coordinates, fold index, row, step and a constant, without `div`, `mod` or `element`.
    pub fn is_affine(&self) -> bool {
        !self.terms.iter().any(|(_, atom)| matches!(atom, Atom::Div(..) | Atom::Mod(..) | Atom::Element(..)))
    }

    /// Whether `wanted` holds for an atom of the map, at any depth.
    pub fn any(&self, wanted: &mut impl FnMut(&Atom) -> bool) -> bool {
        self.terms.iter().any(|(_, atom)| {
            wanted(atom)
                || match atom {
                    Atom::Div(_, inner) | Atom::Mod(_, inner) | Atom::Element(_, inner) => inner.any(wanted),
                    _ => false,
                }
        })
    }

    /// Gives other ids to the integer nodes of the map.
    pub(crate) fn renumber(&mut self, ids: &impl Fn(u32) -> u32) {
        for (_, atom) in &mut self.terms {
            match atom {
                Atom::Div(_, inner) | Atom::Mod(_, inner) => inner.renumber(ids),
                Atom::Element(node, inner) => {
                    *node = ids(*node);
                    inner.renumber(ids);
                }
                Atom::Coord(_) | Atom::Fold | Atom::Row | Atom::Step => {}
            }
        }
        assert!(self.terms.windows(2).all(|pair| pair[0].1 < pair[1].1), "ids keep their order");
    }

    /// Whether the fold index stands inside a division, a remainder or an element, so that each term needs an evaluation of its own.
    pub fn hides_fold(&self) -> bool {
        self.terms.iter().any(|(_, atom)| match atom {
            Atom::Div(_, inner) | Atom::Mod(_, inner) | Atom::Element(_, inner) => {
                inner.any(&mut |atom| *atom == Atom::Fold)
            }
            Atom::Coord(_) | Atom::Fold | Atom::Row | Atom::Step => false,
        })
    }

    /// The map's value at `at`, mod 2^64; `element` reads an integer tensor and gives 0 beyond its end.
    pub fn eval(&self, at: &Point<'_>, element: &dyn Fn(u32, u64) -> u32) -> u64 {
        self.terms.iter().fold(self.constant, |sum, (coefficient, atom)| {
            let value = match atom {
                Atom::Coord(dimension) => at.coords[usize::from(*dimension)],
                Atom::Fold => at.fold,
                Atom::Row => at.row,
                Atom::Step => at.step,
                Atom::Div(divisor, inner) => inner.eval(at, element) / divisor,
                Atom::Mod(divisor, inner) => inner.eval(at, element) % divisor,
                Atom::Element(node, inner) => u64::from(element(*node, inner.eval(at, element))),
            };
            sum.wrapping_add(coefficient.wrapping_mul(value))
        })
    }
}

/// Where an index map is evaluated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point<'a> {
    /// The output coordinates.
    pub coords: &'a [u64],
    /// The fold index.
    pub fold: u64,
    /// The composite's row.
    pub row: u64,
    /// The step's number.
    pub step: u64,
}

/// The coordinates of flat index `flat` in `shape`, written to `coords`.
pub fn coords_of(mut flat: u64, shape: &[u64], coords: &mut Vec<u64>) {
    coords.clear();
    coords.resize(shape.len(), 0);
    for (slot, extent) in coords.iter_mut().zip(shape).rev() {
        *slot = flat % extent;
        flat /= extent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_wrap() {
        let map = Index::from(Atom::Row).times(1 << 40) + 7;
        let at = Point { row: (1 << 62) + 1, ..Point::default() };
        assert_eq!(map.eval(&at, &|_, _| 0), (1 << 40) + 7);
    }
}
