//! Passes over rows as CUDA C: what `samebit_ops::rows::RowProgram` says, generated from its scalar programs.
//!
//! ```text
//! no fold     a thread an element: all maps of the program, one after the other, in registers
//! folds       a block of threads a row; for each fold a loop over the columns that computes again the maps it reads, then the
//!             folded value in every thread; at the end a loop over the columns that stores the maps
//!   sum       16 threads have a block of 256 columns: its lanes, folded by shuffles; blocks' results are added in order
//!   maximum   a thread has every n-th column; the order is total, so any tree gives the same
//!   product   a thread has the chain of a block; blocks' results are added in order
//! ```
//!
//! The text depends on the program but not on `rows`, `first_row` and `len`, which are parameters: one kernel for all launches.

use crate::Source;
use crate::scalar::{as_word, c_type, function, of_word};
use samebit_num::fold::{BLOCK, LANES};
use samebit_num::{Code, RegType};
use samebit_ops::rows::{Address, Columns, RowInput, RowProgram, Stage, StageKind};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

const WRITES: &str = "writing to a string succeeds";

/// Threads of a block where no stage is a fold.
pub const MAP_THREADS: u32 = 256;

/// A generated kernel, and what a launch of it needs to know.
#[derive(Clone, Debug)]
pub struct RowKernel {
    /// The text; its kernel is `rows`.
    pub source: Source,
    /// Threads of a block.
    pub threads: u32,
    /// Whether a block of threads has a row; else a thread has an element.
    pub by_row: bool,
    /// The columns that a thread-an-element launch counts: 1 where nothing is stored per column.
    pub columns: u64,
    /// Tables of column offsets, in the order of the parameters.
    pub offsets: Vec<Arc<[u32]>>,
}

/// The kernel of a pass over rows.
///
/// Parameters: rows, first_row, len, step (64 bits each); for each operand its address and origin; the addresses of the tables of
/// offsets; the address of each output.
pub fn row_kernel(program: &RowProgram) -> RowKernel {
    program.validate();
    let by_row = program.stages.iter().any(|stage| stage.kind.is_fold());
    let stores_map = program.stores.iter().any(|&store| program.stages[store].kind.is_map());
    let columns = if by_row || stores_map { program.columns } else { 1 };
    let threads = if by_row { row_threads(program.columns) } else { MAP_THREADS };
    let mut writer = Writer { program, threads, offsets: Vec::new(), text: String::new() };
    writer.write(by_row, columns);
    let source = Source::generated("rows", writer.text, "rows");
    RowKernel { source, threads, by_row, columns, offsets: writer.offsets }
}

/// A thread for each 4 columns, in whole warps: 16 lanes of a block have 16 columns each.
fn row_threads(columns: u64) -> u32 {
    [32, 64, 128].into_iter().find(|&threads| columns <= 16 * u64::from(threads)).unwrap_or(256)
}

/// The kernel of the fold of a whole tensor: block results into `partial`, to be joined by `join_one`.
pub fn total_kernel(code: &Code) -> Source {
    let mut text = "#include \"device.h\"\n".to_owned();
    text += &function("term", code);
    write!(
        text,
        "SAMEBIT_KERNEL({MAP_THREADS})\ntotal_chains(const u32* x, u64 len, float* partial) {{
    u64 block = (u64)blockIdx.x * {per_block} + threadIdx.x / {LANES};
    float lane = 0.0f;
    for (u32 i = 0; i < {steps}; i++) {{
        u64 at = block * {BLOCK} + i * {LANES} + threadIdx.x % {LANES};
        if (at < len) lane = samebit_add(lane, term({input}));
    }}
    lane = samebit_fold_lanes(lane);
    if (threadIdx.x % {LANES} == 0 && block * {BLOCK} < len) partial[block] = lane;
}}\n",
        per_block = MAP_THREADS as usize / LANES,
        steps = BLOCK / LANES,
        input = of_word(code.inputs()[0], "x[at]"),
    )
    .expect(WRITES);
    Source::generated("total", text, "total_chains")
}

struct Writer<'a> {
    program: &'a RowProgram,
    threads: u32,
    offsets: Vec<Arc<[u32]>>,
    text: String,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 4 * depth).expect(WRITES);
    }

    fn write(&mut self, by_row: bool, columns: u64) {
        self.line(0, "#include \"device.h\"");
        self.line(0, "SAMEBIT_FUNCTION u32 fetch(const u32* words, u64 origin, u64 len, u64 index) {");
        self.line(1, "return index < len ? words[index - origin] : 0;");
        self.line(0, "}");
        for (index, stage) in self.program.stages.iter().enumerate() {
            if stage.kind != StageKind::Product {
                self.text += &function(&format!("stage_{index}"), &stage.code);
            }
        }
        // The body is written first: it finds the tables of offsets.
        let head = std::mem::take(&mut self.text);
        if by_row {
            self.body_by_row()
        } else {
            self.body_by_element(columns)
        }
        let body = std::mem::replace(&mut self.text, head);
        self.signature();
        self.text += &body;
        self.line(0, "}");
    }

    fn signature(&mut self) {
        let mut parameters: Vec<String> =
            ["u64 rows", "u64 first_row", "u64 len", "u64 step"].map(str::to_owned).into();
        for operand in 0..self.program.operands {
            parameters.push(format!("const u32* __restrict__ in_{operand}"));
            parameters.push(format!("u64 origin_{operand}"));
        }
        parameters
            .extend((0..self.offsets.len()).map(|table| format!("const u32* __restrict__ offsets_{table}")));
        parameters
            .extend((0..self.program.stores.len()).map(|store| format!("u32* __restrict__ out_{store}")));
        let threads = self.threads;
        self.line(0, &format!("SAMEBIT_KERNEL({threads})"));
        self.line(0, &format!("rows({}) {{", parameters.join(", ")));
    }

    fn body_by_element(&mut self, columns: u64) {
        self.line(1, &format!("u64 element = (u64)blockIdx.x * {} + threadIdx.x;", self.threads));
        self.line(1, &format!("if (element >= {}) return;", if columns == 1 { "rows" } else { "len" }));
        self.line(1, &format!("const u64 here = element / {columns}ull, column = element % {columns}ull;"));
        self.line(1, "const u64 row = first_row + here;");
        self.inputs();
        for index in 0..self.program.stages.len() {
            self.value(1, index);
        }
        for (output, &store) in self.program.stores.iter().enumerate() {
            let stage = &self.program.stages[store];
            let word = as_word(stage.result_type(), &format!("v_{store}"));
            let line = match stage.kind.is_map() {
                true => format!("out_{output}[element] = {word};"),
                false => format!("if (column == 0) out_{output}[here] = {word};"),
            };
            self.line(1, &line);
        }
    }

    fn body_by_row(&mut self) {
        self.line(1, &format!("SAMEBIT_SHARED float results[{}];", self.threads));
        self.line(1, "const u64 here = blockIdx.x, row = first_row + here;");
        self.inputs();
        for (index, stage) in self.program.stages.iter().enumerate() {
            match stage.kind {
                StageKind::Map => {}
                StageKind::Scalar => self.value(1, index),
                StageKind::Sum => self.sum(index),
                StageKind::Max => self.maximum(index),
                StageKind::Product => self.product(index),
            }
        }
        self.stores_by_row();
    }

    fn stores_by_row(&mut self) {
        let program = self.program;
        let stores = || program.stores.iter().enumerate();
        let is_map = |store: usize| program.stages[store].kind.is_map();
        for (output, &store) in stores().filter(|&(_, &store)| !is_map(store)) {
            let word = as_word(program.stages[store].result_type(), &format!("v_{store}"));
            self.line(1, &format!("if (threadIdx.x == 0) out_{output}[here] = {word};"));
        }
        let maps: Vec<usize> = stores().map(|(_, &store)| store).filter(|&store| is_map(store)).collect();
        if maps.is_empty() {
            return;
        }
        let (columns, threads) = (program.columns, self.threads);
        self.line(
            1,
            &format!("for (u64 column = threadIdx.x; column < {columns}ull; column += {threads}) {{"),
        );
        self.maps(2, &maps);
        for (output, &store) in stores().filter(|&(_, &store)| is_map(store)) {
            let word = as_word(program.stages[store].result_type(), &format!("v_{store}"));
            self.line(2, &format!("out_{output}[here * {columns}ull + column] = {word};"));
        }
        self.line(1, "}");
    }

    /// What depends on the row only: words of inputs without columns, and where the others begin.
    fn inputs(&mut self) {
        for (index, stage) in self.program.stages.iter().enumerate() {
            for (register, input) in stage.inputs.iter().enumerate() {
                let (RowInput::Operand { address, .. } | RowInput::Value(address)) = input else { continue };
                let base = self.base(address);
                let line = match (&address.columns, input) {
                    (Columns::Fixed, RowInput::Operand { operand, len, .. }) => format!(
                        "const u32 w_{index}_{register} = fetch(in_{operand}, origin_{operand}, {len}ull, {base});"
                    ),
                    (Columns::Fixed, _) => format!("const u32 w_{index}_{register} = (u32)({base});"),
                    _ => format!("const u64 b_{index}_{register} = {base};"),
                };
                self.line(1, &line);
            }
        }
    }

    /// An address without the column's part.
    fn base(&self, address: &Address) -> String {
        let mut terms = vec![format!("{}ull", address.constant)];
        if address.step_stride != 0 {
            terms.push(format!("{}ull * step", address.step_stride));
        }
        for term in &address.rows {
            let quotient =
                if term.divisor == 1 { "row".to_owned() } else { format!("(row / {}ull)", term.divisor) };
            let rest =
                if term.modulus == 0 { quotient } else { format!("({quotient} % {}ull)", term.modulus) };
            terms.push(format!("{}ull * {rest}", term.stride));
        }
        if let Some(gather) = &address.gather {
            let index = self.base(&gather.address);
            let operand = gather.operand;
            terms.push(format!(
                "{}ull * fetch(in_{operand}, origin_{operand}, {}ull, {index})",
                gather.stride, gather.len
            ));
        }
        terms.join(" + ")
    }

    /// The maps that `wanted` are or read, as values `v_…` at `column`.
    fn maps(&mut self, depth: usize, wanted: &[usize]) {
        let mut needed: BTreeSet<usize> = BTreeSet::new();
        let mut open: Vec<usize> = wanted.to_vec();
        while let Some(index) = open.pop() {
            if self.program.stages[index].kind.is_map() && needed.insert(index) {
                open.extend(stages_read(&self.program.stages[index]));
            }
        }
        for index in needed {
            self.value(depth, index);
        }
    }

    /// The maps that a fold's terms read.
    fn maps_below(&mut self, depth: usize, fold: usize) {
        let read: Vec<usize> = stages_read(&self.program.stages[fold]).collect();
        self.maps(depth, &read);
    }

    fn value(&mut self, depth: usize, index: usize) {
        let kind = c_type(self.program.stages[index].result_type());
        let call = self.call(index);
        self.line(depth, &format!("const {kind} v_{index} = {call};"));
    }

    /// The stage's scalar program on its inputs.
    fn call(&mut self, index: usize) -> String {
        let stage = &self.program.stages[index];
        let arguments: Vec<String> = (0..stage.inputs.len())
            .map(|register| self.input(index, register, stage.code.inputs()[register]))
            .collect();
        format!("stage_{index}({})", arguments.join(", "))
    }

    fn input(&mut self, index: usize, register: usize, kind: RegType) -> String {
        match &self.program.stages[index].inputs[register] {
            RowInput::Stage(stage) => format!("v_{stage}"),
            RowInput::Operand { address, .. } | RowInput::Value(address)
                if address.columns == Columns::Fixed =>
            {
                of_word(kind, &format!("w_{index}_{register}"))
            }
            RowInput::Operand { operand, address, len } => {
                let at = self.at(index, register, &address.columns);
                of_word(kind, &format!("fetch(in_{operand}, origin_{operand}, {len}ull, {at})"))
            }
            RowInput::Value(address) => {
                let at = self.at(index, register, &address.columns);
                of_word(kind, &format!("(u32)({at})"))
            }
        }
    }

    fn at(&mut self, index: usize, register: usize, columns: &Columns) -> String {
        match columns {
            Columns::Offsets(table) => {
                let known = self.offsets.iter().position(|known| known == table);
                let number = known.unwrap_or_else(|| {
                    self.offsets.push(table.clone());
                    self.offsets.len() - 1
                });
                format!("b_{index}_{register} + offsets_{number}[column]")
            }
            _ => format!("b_{index}_{register} + column"),
        }
    }

    /// A loop over blocks of columns in groups of `group`: `result` is each thread's, those of `holders` are added in order.
    fn blocks(&mut self, index: usize, group: usize, body: impl FnOnce(&mut Self)) {
        let columns = self.program.columns;
        self.line(1, &format!("float v_{index} = 0.0f;"));
        self.line(1, &format!("for (u64 first = 0; first < {columns}ull; first += {}ull) {{", group * BLOCK));
        body(self);
        self.line(2, "__syncthreads();");
        self.line(2, &format!("const u64 left = ({columns}ull - first + {}) / {BLOCK};", BLOCK - 1));
        self.line(2, &format!("const u32 count = left < {group} ? (u32)left : {group};"));
        self.line(
            2,
            &format!("for (u32 i = 0; i < count; i++) v_{index} = samebit_add(v_{index}, results[i]);"),
        );
        self.line(2, "__syncthreads();");
        self.line(1, "}");
    }

    fn sum(&mut self, index: usize) {
        let columns = self.program.columns;
        let group = self.threads as usize / LANES;
        self.blocks(index, group, |w| {
            w.line(2, "float lane = 0.0f;");
            w.line(2, &format!("for (u32 i = 0; i < {}; i++) {{", BLOCK / LANES));
            w.line(
                3,
                &format!(
                    "const u64 column = first + threadIdx.x / {LANES} * {BLOCK} + i * {LANES} + threadIdx.x % {LANES};"
                ),
            );
            w.line(3, &format!("if (column >= {columns}ull) break;"));
            w.maps_below(3, index);
            let call = w.call(index);
            w.line(3, &format!("lane = samebit_add(lane, {call});"));
            w.line(2, "}");
            w.line(2, "lane = samebit_fold_lanes(lane);");
            w.line(2, &format!("if (threadIdx.x % {LANES} == 0) results[threadIdx.x / {LANES}] = lane;"));
        });
    }

    fn product(&mut self, index: usize) {
        let columns = self.program.columns;
        self.blocks(index, self.threads as usize, |w| {
            w.line(2, "float chain = 0.0f;");
            w.line(2, &format!("for (u32 i = 0; i < {BLOCK}; i++) {{"));
            w.line(3, &format!("const u64 column = first + threadIdx.x * {BLOCK} + i;"));
            w.line(3, &format!("if (column >= {columns}ull) break;"));
            w.maps_below(3, index);
            let factors = [0, 1].map(|register| w.input(index, register, RegType::F));
            w.line(3, &format!("chain = samebit_fma({}, {}, chain);", factors[0], factors[1]));
            w.line(2, "}");
            w.line(2, "results[threadIdx.x] = chain;");
        });
    }

    fn maximum(&mut self, index: usize) {
        let (columns, threads) = (self.program.columns, self.threads);
        self.line(1, &format!("float v_{index} = samebit_float(SAMEBIT_MINUS_INFINITY);"));
        self.line(
            1,
            &format!("for (u64 column = threadIdx.x; column < {columns}ull; column += {threads}) {{"),
        );
        self.maps_below(2, index);
        let call = self.call(index);
        self.line(2, &format!("v_{index} = samebit_max(v_{index}, {call});"));
        self.line(1, "}");
        self.line(1, "for (int half = 16; half > 0; half /= 2) {");
        self.line(
            2,
            &format!("v_{index} = samebit_max(v_{index}, __shfl_xor_sync(FULL_WARP, v_{index}, half));"),
        );
        self.line(1, "}");
        self.line(1, &format!("if (threadIdx.x % 32 == 0) results[threadIdx.x / 32] = v_{index};"));
        self.line(1, "__syncthreads();");
        self.line(
            1,
            &format!(
                "for (u32 i = 0; i < {}; i++) v_{index} = samebit_max(v_{index}, results[i]);",
                threads / 32
            ),
        );
        self.line(1, "__syncthreads();");
    }
}

fn stages_read(stage: &Stage) -> impl Iterator<Item = usize> + '_ {
    stage.inputs.iter().filter_map(|input| match input {
        RowInput::Stage(earlier) => Some(*earlier),
        _ => None,
    })
}
