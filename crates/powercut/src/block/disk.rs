//! The bytes of a device: those that are there, and those that a power cut leaves.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{BLOCK, BlockCall};
use crate::dice::Dice;
use crate::disk::Strategy;

/// A device's content. Blocks that were never written are zero. A cheap clone.
#[derive(Clone)]
pub struct Blocks {
    size: u64,
    blocks: HashMap<u64, Arc<[u8; BLOCK]>>,
}

impl Blocks {
    /// A device of so many bytes, all zero.
    pub fn new(size: u64) -> Self {
        Self { size, blocks: HashMap::new() }
    }

    /// Reads an image.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut blocks = Self::new(file.metadata()?.len());
        for n in 0..blocks.size / BLOCK as u64 {
            let mut block = [0; BLOCK];
            file.read_exact_at(&mut block, n * BLOCK as u64)?;
            if block.iter().any(|byte| *byte != 0) {
                blocks.blocks.insert(n, Arc::new(block));
            }
        }
        Ok(blocks)
    }

    /// Writes it as a sparse file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(self.size)?;
        self.blocks.iter().try_for_each(|(n, block)| file.write_all_at(&block[..], n * BLOCK as u64))
    }

    /// Bytes of the device.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn get(&self, offset: u64, length: usize) -> Vec<u8> {
        let end = (offset + length as u64).min(self.size);
        let mut bytes = Vec::with_capacity(length);
        let mut at = offset;
        while at < end {
            let inside = (at % BLOCK as u64) as usize;
            let now = (BLOCK - inside).min((end - at) as usize);
            match self.blocks.get(&(at / BLOCK as u64)) {
                Some(block) => bytes.extend_from_slice(&block[inside..inside + now]),
                None => bytes.resize(bytes.len() + now, 0),
            }
            at += now as u64;
        }
        bytes
    }

    /// One call, done whole.
    pub fn apply(&mut self, call: &BlockCall) {
        self.apply_some(call, &mut |_| true);
    }

    /// One call, of which only the blocks happen that `keep` says.
    fn apply_some(&mut self, call: &BlockCall, keep: &mut dyn FnMut(u64) -> bool) {
        let (offset, length) = match call {
            BlockCall::Write { offset, data } => (*offset, data.len() as u64),
            BlockCall::Discard { offset, length } => (*offset, *length),
            BlockCall::Flush => return,
        };
        let end = (offset + length).min(self.size);
        let mut at = offset;
        while at < end {
            let number = at / BLOCK as u64;
            let inside = (at % BLOCK as u64) as usize;
            let now = (BLOCK - inside).min((end - at) as usize);
            if keep(number) {
                let block = Arc::make_mut(self.blocks.entry(number).or_insert_with(|| Arc::new([0; BLOCK])));
                match call {
                    BlockCall::Write { data, .. } => {
                        let from = (at - offset) as usize;
                        block[inside..inside + now].copy_from_slice(&data[from..from + now]);
                    }
                    _ => block[inside..inside + now].fill(0),
                }
            }
            at += now as u64;
        }
    }

    /// What a power cut leaves: this device's content, durable, with some of `flying` over it.
    #[must_use]
    pub fn cut(&self, flying: &[BlockCall], strategy: Strategy, dice: &mut Dice) -> Self {
        let mut left = self.clone();
        let until = dice.below(flying.len() as u64 + 1) as usize;
        let (first, lost) = (dice.below(flying.len().max(1) as u64) as usize, 1 + dice.below(4) as usize);
        for (n, call) in flying.iter().enumerate() {
            match strategy {
                Strategy::Nothing => {}
                Strategy::Everything => left.apply(call),
                Strategy::Prefix if n < until => left.apply(call),
                Strategy::Some if dice.coin() => left.apply(call),
                Strategy::Torn => left.apply_some(call, &mut |_| dice.coin()),
                // All but a few that follow each other, or all but those before some moment.
                Strategy::Names if n < first || n >= first + lost => left.apply(call),
                Strategy::Data if n >= until => left.apply(call),
                _ => {}
            }
        }
        left
    }
}
