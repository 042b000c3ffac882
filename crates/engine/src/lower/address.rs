//! From index maps to row and column addresses: how a kernel over `rows × columns` reads what a node's index map names.

use samebit_graph::index::{Atom, Index, Point, coords_of};
use samebit_ops::rows::{Address, Columns, Gather, RowTerm};

/// How a node's output coordinates, and its fold index, become the row r and the column c of a domain.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// The node's output shape.
    pub shape: &'a [u64],
    /// Leading dimensions that make the row; the others make the column.
    pub row_dimensions: usize,
    /// Elements in a row of the domain.
    pub columns: u64,
    /// Whether the column is the fold index instead of output coordinates.
    pub column_is_fold: bool,
}

/// What `address` needs to know of integer nodes that index maps read: the operand number and the element count.
pub type IntegerOperand<'a> = dyn FnMut(u32) -> Option<(usize, u64)> + 'a;

impl Split<'_> {
    /// The index map as an address, if the map's row part and column part can be told apart and have the forms that the kernels know.
    pub fn address(&self, index: &Index, integers: &mut IntegerOperand<'_>) -> Option<Address> {
        let mut address = Address { constant: index.constant, ..Address::default() };
        let mut column_part = Index::default();
        let mut coordinate_terms = Vec::new();
        for (coefficient, atom) in &index.terms {
            match (self.reads_row(atom), self.reads_column(atom)) {
                (_, false) => match atom {
                    Atom::Step => address.step_stride += coefficient,
                    Atom::Coord(dimension) => coordinate_terms.push((*coefficient, usize::from(*dimension))),
                    Atom::Element(node, at) if address.gather.is_none() => {
                        let (operand, len) = integers(*node)?;
                        let inner = self.address(at, integers)?;
                        // Kernels follow one integer, not a chain of them.
                        if inner.gather.is_some() || inner.columns != Columns::Fixed {
                            return None;
                        }
                        address.gather =
                            Some(Gather { operand, address: Box::new(inner), len, stride: *coefficient });
                    }
                    _ => address.rows.push(self.row_term(*coefficient, atom)?),
                },
                (false, true) => column_part.terms.push((*coefficient, atom.clone())),
                (true, true) => return None,
            }
        }
        address.rows.extend(self.coordinate_rows(&coordinate_terms));
        address.columns = self.columns(&column_part)?;
        Some(address)
    }

    fn reads_row(&self, atom: &Atom) -> bool {
        self.reads(atom, &|dimension| dimension < self.row_dimensions, false)
    }

    fn reads_column(&self, atom: &Atom) -> bool {
        self.reads(atom, &|dimension| dimension >= self.row_dimensions, self.column_is_fold)
    }

    fn reads(&self, atom: &Atom, wanted: &dyn Fn(usize) -> bool, fold: bool) -> bool {
        match atom {
            Atom::Coord(dimension) => wanted(usize::from(*dimension)),
            Atom::Fold => fold,
            Atom::Row | Atom::Step => false,
            Atom::Div(_, inner) | Atom::Mod(_, inner) | Atom::Element(_, inner) => {
                inner.terms.iter().any(|(_, atom)| self.reads(atom, wanted, fold))
            }
        }
    }

    /// Elements of the rows' space below dimension `dimension`: r / stride mod extent is its coordinate.
    fn row_stride(&self, dimension: usize) -> u64 {
        self.shape[dimension + 1..self.row_dimensions].iter().product()
    }

    /// The sum of scaled row coordinates; one term where together they are a multiple of r.
    fn coordinate_rows(&self, terms: &[(u64, usize)]) -> Vec<RowTerm> {
        let scale = terms.iter().find(|(_, d)| *d + 1 == self.row_dimensions).map_or(0, |(c, _)| *c);
        let whole = (0..self.row_dimensions).all(|d| {
            let held = terms.iter().find(|(_, dimension)| *dimension == d).map_or(0, |(c, _)| *c);
            held == scale * self.row_stride(d) || self.shape[d] == 1
        });
        if whole && scale > 0 {
            return vec![RowTerm { stride: scale, divisor: 1, modulus: 0 }];
        }
        terms
            .iter()
            .map(|(stride, dimension)| RowTerm {
                stride: *stride,
                divisor: self.row_stride(*dimension),
                modulus: if *dimension == 0 { 0 } else { self.shape[*dimension] },
            })
            .collect()
    }

    /// `div` and `mod` of one row coordinate.
    fn row_term(&self, stride: u64, atom: &Atom) -> Option<RowTerm> {
        let (divisor, modulus, dimension) = match atom {
            Atom::Div(divisor, inner) => (*divisor, 0, lone_coordinate(inner)?),
            Atom::Mod(modulus, inner) => match inner.terms.as_slice() {
                [(1, Atom::Div(divisor, quotient))] if inner.constant == 0 => {
                    (*divisor, *modulus, lone_coordinate(quotient)?)
                }
                _ => (1, *modulus, lone_coordinate(inner)?),
            },
            _ => return None,
        };
        // A coordinate other than the first is itself a remainder of r: only a divisor of its extent can be taken of r directly.
        if dimension > 0 && (modulus == 0 || !self.shape[dimension].is_multiple_of(modulus * divisor)) {
            return None;
        }
        Some(RowTerm { stride, divisor: divisor * self.row_stride(dimension), modulus })
    }

    fn columns(&self, part: &Index) -> Option<Columns> {
        if part.terms.is_empty() {
            return Some(Columns::Fixed);
        }
        if part.any(&mut |atom| matches!(atom, Atom::Element(..) | Atom::Step | Atom::Row)) {
            return None;
        }
        if self.is_contiguous(part) {
            return Some(Columns::Contiguous);
        }
        let offsets = self.column_offsets(part)?;
        let contiguous = offsets.iter().enumerate().all(|(c, offset)| c as u64 == u64::from(*offset));
        Some(if contiguous { Columns::Contiguous } else { Columns::Offsets(offsets.into()) })
    }

    fn is_contiguous(&self, part: &Index) -> bool {
        if self.column_is_fold {
            return part.terms == [(1, Atom::Fold)];
        }
        let mut stride = 1;
        let mut terms = 0;
        for dimension in (self.row_dimensions..self.shape.len()).rev() {
            let coefficient = part.coefficient(&Atom::Coord(dimension as u8));
            if self.shape[dimension] > 1 && coefficient != stride {
                return false;
            }
            terms += usize::from(coefficient > 0);
            stride *= self.shape[dimension];
        }
        terms == part.terms.len()
    }

    fn column_offsets(&self, part: &Index) -> Option<Vec<u32>> {
        let mut coords = Vec::new();
        (0..self.columns)
            .map(|c| {
                coords_of(if self.column_is_fold { 0 } else { c }, self.shape, &mut coords);
                let point = Point { coords: &coords, fold: c, ..Point::default() };
                u32::try_from(part.eval(&point, &|_, _| 0)).ok()
            })
            .collect()
    }
}

fn lone_coordinate(index: &Index) -> Option<usize> {
    match index.terms.as_slice() {
        [(1, Atom::Coord(dimension))] if index.constant == 0 => Some(usize::from(*dimension)),
        _ => None,
    }
}
