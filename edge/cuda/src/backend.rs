//! The backend: every kernel of `samebit_ops` as launches on a [`Machine`].
//!
//! A launch of this backend that cannot be made is a broken invariant and panics with the driver's words, as the seam asks.

use crate::exact::Instruction;
use crate::machine::{Argument, Launch, Machine, Memory};
use crate::rows::{MAP_THREADS, row_kernel, total_kernel};
use crate::{Error, Source, source};
use samebit_num::fold::{BLOCK, Numerics};
use samebit_ops::attention::{AttentionKernel, Pass, attention};
use samebit_ops::permute::PermuteKernel;
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::rows::RowProgram;
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::simd::Isa;
use samebit_ops::total::TotalKernel;
use samebit_ops::{Backend, BackendError, Buffer, Kernel, View};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Threads of most kernels' blocks.
const THREADS: u32 = 256;
/// Rows and columns of a tile of a product.
const TILE: usize = 128;
/// Rows of a tile of attention.
const ATTENTION_ROWS: usize = 64;
/// Threads of the kernels that hash.
const HASH_THREADS: u32 = 128;
/// Tiles for each multiprocessor below which a product is split over k.
const TILES_WANTED: usize = 2;
/// The most words of memory that a split product takes for its chains.
const SPLIT_WORDS_LIMIT: usize = 1 << 28;
/// Dimensions of a permutation.
const DIMENSIONS: usize = 6;

/// `samebit_ops::Backend` on a card or on the emulator.
pub struct Cuda {
    machine: Arc<dyn Machine>,
    product: Source,
    moves: Source,
    sha256: Source,
    attention: Mutex<BTreeMap<usize, Arc<Source>>>,
    /// Tables of column offsets that launches have used.
    tables: Mutex<BTreeMap<Arc<[u32]>, Arc<Memory>>>,
    /// Blocks' results on their way to a total; held by a launch until its totals are joined.
    partial: Mutex<Option<Memory>>,
    instruction: Instruction,
}

/// An argument of 32 bits.
pub(crate) fn word(value: usize) -> Argument {
    Argument::Word(u32::try_from(value).expect("a kernel's dimension fits 32 bits"))
}

/// An argument of 64 bits.
pub(crate) fn long(value: usize) -> Argument {
    Argument::Long(value as u64)
}

/// Blocks of threads that cover `count`, `per_block` each.
pub(crate) fn blocks(count: usize, per_block: u32) -> u32 {
    u32::try_from(count.div_ceil(per_block as usize)).expect("a grid fits 32 bits")
}

const NONE: Argument = Argument::Address(0);

impl Cuda {
    /// The backend on this machine.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        let instruction = machine.instructions()[0];
        Self::with_instruction(machine, instruction)
    }

    /// The backend on this machine, with one of the machine's instructions for exact products.
    pub fn with_instruction(machine: Arc<dyn Machine>, instruction: Instruction) -> Self {
        Self {
            machine,
            instruction,
            product: source::product(),
            moves: source::moves(),
            sha256: source::sha256(),
            attention: Mutex::default(),
            tables: Mutex::default(),
            partial: Mutex::default(),
        }
    }

    /// The machine below.
    pub fn machine(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    /// The instruction that its exact products use.
    pub fn instruction(&self) -> Instruction {
        self.instruction
    }

    pub(crate) fn launch(
        &self,
        source: &Source,
        kernel: &str,
        grid: [u32; 3],
        threads: u32,
        arguments: &[Argument],
    ) -> Result<(), Error> {
        self.machine.launch(&Launch { source, kernel, grid, threads, shared_bytes: 0, arguments })
    }

    /// Runs `work` with memory for `words` words of blocks' results. What they held before is not cleared: every launch writes all
    /// that it reads.
    pub(crate) fn with_partial(
        &self,
        words: usize,
        work: impl FnOnce(&Memory) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        match &*partial {
            Some(memory) if memory.len() >= words => work(memory),
            _ => {
                // The old memory goes before the greater one comes.
                *partial = None;
                work(partial.insert(Memory::new(&self.machine, words)?))
            }
        }
    }

    /// A table of column offsets in the machine's memory.
    fn table(&self, table: &Arc<[u32]>) -> Result<Arc<Memory>, Error> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = tables.get(table) {
            return Ok(memory.clone());
        }
        let memory = Arc::new(Memory::of(&self.machine, table)?);
        tables.insert(table.clone(), memory.clone());
        Ok(memory)
    }

    /// C = A · Bᵀ; `a` and `b` are addresses of the operands' first words.
    ///
    /// # Errors
    /// The machine's.
    pub fn product(&self, kernel: &ProductKernel, a: u64, b: u64, c: u64) -> Result<(), Error> {
        let &ProductKernel { m, n, k, accumulate, .. } = kernel;
        if m * n == 0 {
            return Ok(());
        }
        let (tiles, k_blocks) = (m.div_ceil(TILE) * n.div_ceil(TILE), k.div_ceil(BLOCK));
        let slices = self.slices(tiles, k_blocks, m * n);
        let operand = |address: u64, layout: Layout| {
            let first = Argument::Address(address + 4 * layout.offset as u64);
            [first, long(layout.row_stride), long(layout.k_stride)]
        };
        let slice_blocks = k_blocks.div_ceil(slices);
        let run = |partial: Argument| {
            let mut arguments = operand(a, kernel.a).to_vec();
            arguments.extend(operand(b, kernel.b));
            let accumulate = word(usize::from(accumulate));
            arguments.extend([Argument::Address(c), word(m), word(n), long(k), accumulate]);
            arguments.extend([partial, word(slice_blocks)]);
            let grid = [blocks(tiles, 1), 1, blocks(k_blocks.div_ceil(slice_blocks.max(1)).max(1), 1)];
            self.launch(&self.product, "product", grid, THREADS, &arguments)
        };
        if slices == 1 {
            return run(NONE);
        }
        self.with_partial(k_blocks * m * n, |partial| {
            run(partial.argument())?;
            self.join(partial, c, m * n, k_blocks, accumulate)
        })
    }

    /// Slices of k: enough to give every multiprocessor its tiles, at most one for each block of k, within the memory's limit.
    pub(crate) fn slices(&self, tiles: usize, k_blocks: usize, outputs: usize) -> usize {
        let wanted = TILES_WANTED * self.machine.multiprocessors() as usize;
        if tiles >= wanted || k_blocks < 2 || k_blocks * outputs > SPLIT_WORDS_LIMIT {
            return 1;
        }
        wanted.div_ceil(tiles).min(k_blocks)
    }

    /// Adds the blocks' results to what `out` holds or to +0, in order.
    pub(crate) fn join(
        &self,
        partial: &Memory,
        out: u64,
        count: usize,
        k_blocks: usize,
        accumulate: bool,
    ) -> Result<(), Error> {
        let arguments = [
            partial.argument(),
            Argument::Address(out),
            long(count),
            long(k_blocks),
            word(usize::from(accumulate)),
        ];
        self.launch(&self.product, "join_totals", [blocks(count, THREADS), 1, 1], THREADS, &arguments)
    }

    fn column_product(&self, kernel: &ColumnProductKernel, inputs: &[u64], out: u64) -> Result<(), Error> {
        let &ColumnProductKernel { rows, columns, pair, accumulate } = kernel;
        if columns == 0 {
            return Ok(());
        }
        let row_blocks = rows.div_ceil(BLOCK);
        let partial = Memory::new(&self.machine, row_blocks * columns)?;
        let y = if pair { Argument::Address(inputs[1]) } else { NONE };
        if rows > 0 {
            let arguments = [Argument::Address(inputs[0]), y, partial.argument(), long(rows), long(columns)];
            let grid = [blocks(columns, THREADS), blocks(row_blocks, 1), 1];
            self.launch(&self.product, "column_chains", grid, THREADS, &arguments)?;
        }
        self.join(&partial, out, columns, row_blocks, accumulate)
    }

    fn rows(
        &self,
        program: &RowProgram,
        step: u64,
        inputs: &[(u64, u64)],
        outputs: &[u64],
    ) -> Result<(), Error> {
        if program.rows == 0 {
            return Ok(());
        }
        let kernel = row_kernel(program);
        let mut arguments = [program.rows, program.first_row, program.len, step].map(Argument::Long).to_vec();
        for &(address, origin) in inputs {
            arguments.extend([Argument::Address(address), Argument::Long(origin)]);
        }
        for table in &kernel.offsets {
            arguments.push(self.table(table)?.argument());
        }
        arguments.extend(outputs.iter().map(|&address| Argument::Address(address)));
        let count = match (kernel.by_row, kernel.columns) {
            (true, _) | (false, 1) => program.rows,
            _ => program.len,
        } as usize;
        let per_block = if kernel.by_row { 1 } else { MAP_THREADS };
        self.launch(&kernel.source, "rows", [blocks(count, per_block), 1, 1], kernel.threads, &arguments)
    }

    fn scatter(&self, kernel: &ScatterKernel, keys: &Memory, x: u64, out: u64) -> Result<(), Error> {
        let &ScatterKernel { rows, columns, count, accumulate } = kernel;
        if columns * count == 0 {
            return Ok(());
        }
        if !accumulate {
            let arguments = [Argument::Address(out), long(count * columns)];
            let grid = [blocks(count * columns, THREADS), 1, 1];
            self.launch(&self.moves, "clear", grid, THREADS, &arguments)?;
        }
        let mut words = vec![0; rows];
        keys.read(0, &mut words)?;
        let (order, starts) = by_key(&words, count);
        if order.is_empty() {
            return Ok(());
        }
        let occurring = starts.len() - 1;
        let (order, starts) = (Memory::of(&self.machine, &order)?, Memory::of(&self.machine, &starts)?);
        let arguments = [
            keys.argument(),
            order.argument(),
            starts.argument(),
            Argument::Address(x),
            Argument::Address(out),
            long(columns),
            word(usize::from(accumulate)),
        ];
        let grid = [blocks(occurring, 1), blocks(columns, 16), 1];
        self.launch(&self.moves, "scatter", grid, THREADS, &arguments)
    }

    fn total(&self, kernel: &TotalKernel, x: u64, out: u64) -> Result<(), Error> {
        let chains = kernel.len.div_ceil(BLOCK);
        self.with_partial(chains, |partial| {
            if chains > 0 {
                let arguments = [Argument::Address(x), long(kernel.len), partial.argument()];
                let grid = [blocks(chains, MAP_THREADS / 16), 1, 1];
                let source = total_kernel(&kernel.code);
                self.launch(&source, "total_chains", grid, MAP_THREADS, &arguments)?;
            }
            let arguments = [partial.argument(), Argument::Address(out), long(chains)];
            self.launch(&self.product, "join_one", [1, 1, 1], THREADS, &arguments)
        })
    }

    fn attention(&self, kernel: &AttentionKernel, inputs: &[u64], outputs: &[u64]) -> Result<(), Error> {
        let &AttentionKernel { batch, time, heads, group, head_size, scale, .. } = kernel;
        if batch * time * heads * head_size == 0 {
            return Ok(());
        }
        let source = {
            let mut sources = self.attention.lock().unwrap_or_else(PoisonError::into_inner);
            sources.entry(head_size).or_insert_with(|| Arc::new(source::attention(head_size))).clone()
        };
        let shape = Argument::Longs(vec![time as u64, heads as u64, group as u64, u64::from(scale)]);
        let run = |name: &str, heads: usize, outputs: &[u64]| {
            let mut arguments: Vec<Argument> =
                inputs.iter().chain(outputs).map(|&address| Argument::Address(address)).collect();
            arguments.push(shape.clone());
            let grid = [blocks(time, ATTENTION_ROWS as u32), blocks(batch * heads, 1), 1];
            self.launch(&source, name, grid, THREADS, &arguments)
        };
        match kernel.pass {
            Pass::Forward => run("attention_forward", heads, outputs),
            Pass::Backward => {
                run("attention_query_gradient", heads, &outputs[..1])?;
                run("attention_key_gradient", heads / group, &outputs[1..2])?;
                run("attention_value_gradient", heads / group, &outputs[2..])
            }
        }
    }

    fn permute(&self, kernel: &PermuteKernel, x: u64, out: u64) -> Result<(), Error> {
        let count: usize = kernel.shape.iter().product();
        if count == 0 {
            return Ok(());
        }
        assert!(kernel.shape.len() <= DIMENSIONS, "a permutation of {} dimensions", kernel.shape.len());
        let mut fields = vec![1; DIMENSIONS - kernel.shape.len()];
        fields.extend(kernel.shape.iter().map(|&size| size as u64));
        fields.extend(vec![0; DIMENSIONS - kernel.shape.len()]);
        fields.extend(kernel.strides.iter().map(|&stride| stride as u64));
        let arguments = [Argument::Address(x), Argument::Address(out), Argument::Longs(fields), long(count)];
        self.launch(&self.moves, "permute", [blocks(count, THREADS), 1, 1], THREADS, &arguments)
    }

    /// The digests of the pages of `words` words at `address`, on the machine: 8 words each.
    ///
    /// # Errors
    /// The machine's.
    pub fn hash_pages(&self, address: u64, words: usize) -> Result<Memory, Error> {
        let digests = Memory::new(&self.machine, 8 * words.div_ceil(samebit_commit::tensor::PAGE_WORDS))?;
        self.hash_pages_into(address, words, &digests)?;
        Ok(digests)
    }

    /// The same into memory that is there.
    ///
    /// # Errors
    /// The machine's.
    ///
    /// # Panics
    /// If there are not 8 words for each page.
    pub fn hash_pages_into(&self, address: u64, words: usize, digests: &Memory) -> Result<(), Error> {
        let pages = words.div_ceil(samebit_commit::tensor::PAGE_WORDS);
        assert!(digests.len() >= 8 * pages, "{} words for {pages} digests", digests.len());
        if pages == 0 {
            return Ok(());
        }
        let arguments = [Argument::Address(address), long(words), digests.argument()];
        let grid = [blocks(pages, HASH_THREADS), 1, 1];
        self.launch(&self.sha256, "page_digests", grid, HASH_THREADS, &arguments)
    }

    /// The top of the tree over the pages of `words` words at `address`: nothing but 32 bytes leaves the machine.
    ///
    /// # Errors
    /// The machine's.
    pub fn top(&self, address: u64, words: usize) -> Result<[u8; 32], Error> {
        let mut level = self.hash_pages(address, words)?;
        let mut count = level.len() / 8;
        while count > 1 {
            let parents = Memory::new(&self.machine, 8 * count.div_ceil(2))?;
            let arguments = [level.argument(), long(count), parents.argument()];
            let grid = [blocks(count.div_ceil(2), HASH_THREADS), 1, 1];
            self.launch(&self.sha256, "tree_level", grid, HASH_THREADS, &arguments)?;
            (level, count) = (parents, count.div_ceil(2));
        }
        Ok(digests(&level.words()?).first().copied().unwrap_or([0; 32]))
    }

    fn try_run(
        &self,
        kernel: &Kernel,
        step: u64,
        inputs: &[View<'_>],
        outputs: &[Buffer],
    ) -> Result<(), Error> {
        let views: Vec<(u64, u64)> =
            inputs.iter().map(|view| (memory(view.buffer).address(), view.origin)).collect();
        if let Kernel::Attention(kernel) = kernel
            && (kernel.numerics != Numerics::F32 || kernel.queries != kernel.time)
        {
            return attention_on_host(kernel, step, inputs, outputs);
        }
        let addresses: Vec<u64> = views.iter().map(|&(address, _)| address).collect();
        let outputs: Vec<u64> = outputs.iter().map(|buffer| memory(buffer).address()).collect();
        match kernel {
            Kernel::Product(kernel) => match kernel.numerics {
                Numerics::F32 => self.product(kernel, addresses[0], addresses[1], outputs[0]),
                Numerics::Exact(bits) => {
                    self.exact_product(bits, kernel, addresses[0], addresses[1], outputs[0])
                }
            },
            Kernel::ColumnProduct(kernel) => self.column_product(kernel, &addresses, outputs[0]),
            Kernel::Rows(program) => self.rows(program, step, &views, &outputs),
            Kernel::Scatter(kernel) => {
                self.scatter(kernel, memory(inputs[0].buffer), addresses[1], outputs[0])
            }
            Kernel::Total(kernel) => self.total(kernel, addresses[0], outputs[0]),
            Kernel::Attention(kernel) => self.attention(kernel, &addresses, &outputs),
            Kernel::Permute(kernel) => self.permute(kernel, addresses[0], outputs[0]),
        }
    }
}

/// Rows by key and then by number, and where each occurring key's rows begin; keys from `count` on are left out.
fn by_key(keys: &[u32], count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> =
        (0..keys.len() as u32).filter(|&row| (keys[row as usize] as usize) < count).collect();
    order.sort_by_key(|&row| (keys[row as usize], row));
    let is_first = |at: usize| at == 0 || keys[order[at - 1] as usize] != keys[order[at] as usize];
    let mut starts: Vec<u32> = (0..order.len()).filter(|&at| is_first(at)).map(|at| at as u32).collect();
    starts.push(order.len() as u32);
    (order, starts)
}

fn memory(buffer: &Buffer) -> &Memory {
    buffer.0.downcast_ref().expect("the buffer is of this backend")
}

/// Attention in an exact profile, or with the queries of a step only, for which there are no kernels of a card: the processor computes it.
fn attention_on_host(
    kernel: &AttentionKernel,
    step: u64,
    inputs: &[View<'_>],
    outputs: &[Buffer],
) -> Result<(), Error> {
    let (input_lengths, output_lengths) = kernel.lengths();
    let read = |(view, length): (&View<'_>, usize)| {
        let mut words = vec![0; length];
        memory(view.buffer).read(0, &mut words)?;
        Ok(words.into_iter().map(f32::from_bits).collect())
    };
    let inputs: Vec<Vec<f32>> = inputs.iter().zip(input_lengths).map(read).collect::<Result<_, Error>>()?;
    let mut results: Vec<Vec<f32>> = output_lengths.into_iter().map(|length| vec![0.0; length]).collect();
    let given: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut places: Vec<&mut [f32]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    attention(Isa::detect(), kernel, step, &given, &mut places);
    let write = |(buffer, floats): (&Buffer, Vec<f32>)| {
        let words: Vec<u32> = floats.into_iter().map(f32::to_bits).collect();
        memory(buffer).write(0, &words)
    };
    outputs.iter().zip(results).try_for_each(write)
}

/// Digests as bytes: a digest lies in memory as its 32 bytes.
fn digests(words: &[u32]) -> Vec<[u8; 32]> {
    let (digests, _) = words.as_chunks::<8>();
    let bytes = |digest: &[u32; 8]| {
        let mut bytes = [0; 32];
        for (target, word) in bytes.chunks_exact_mut(4).zip(digest) {
            target.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    };
    digests.iter().map(bytes).collect()
}

/// What a machine could not do.
fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

impl Backend for Cuda {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        let memory = Memory::new(&self.machine, words);
        let memory = memory.map_err(|_| BackendError::OutOfMemory { backend: self.name(), words })?;
        Ok(Buffer(Box::new(memory)))
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        done(memory(buffer).write(at, words));
    }

    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]) {
        done(memory(buffer).read(at, words));
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        done(self.try_run(kernel, step, inputs, outputs));
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        let memory = done(self.hash_pages(memory(buffer).address(), words));
        digests(&done(memory.words()))
    }
}
