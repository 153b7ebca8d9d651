//! Erasing a person with much content against one with little.

use std::{io::Read, path::Path, time::Instant};

use oubliette_store::{PutOptions, SubjectFacts, Vault, VaultOptions};

use super::{BenchError, Effort, Figure, noise};

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    // The content is noise; trying to compress it would only take time.
    let options = VaultOptions { max_save: Some(1 << 40), compress: Some(false), ..VaultOptions::default() };
    let vault = Vault::create(&dir.join("vault"), options)?;
    let big: u64 = if effort.quick { 32 << 20 } else { effort.largest << 30 };
    let mut ratios = Vec::new();
    for round in 0..effort.rounds {
        // Several small ones, so that both sides are medians of like noise.
        let mut times = Vec::new();
        for (n, len) in [1024, big, 1024, 1024].into_iter().enumerate() {
            let user = format!("r{round}-{n}");
            vault.put_subject(&user, &SubjectFacts::default(), false)?;
            let mut content = Repeat { block: noise(1 << 20, n as u64), at: 0, left: len };
            vault.subject(&user)?.saves().put("bench", "slot", &PutOptions::default(), &mut content)?;
            let before = Instant::now();
            vault.erase(&[user.as_str()])?;
            times.push((len, before.elapsed().as_secs_f64()));
        }
        let mut small: Vec<f64> = times.iter().filter(|(len, _)| *len == 1024).map(|(_, t)| *t).collect();
        small.sort_by(f64::total_cmp);
        let large = times.iter().find(|(len, _)| *len == big).map_or(f64::NAN, |(_, t)| *t);
        ratios.push(large / small.get(1).copied().unwrap_or(f64::NAN));
        while vault.sweep(256)?.left > 0 {}
    }
    vault.close()?;
    let large = if effort.quick { "32 MiB".to_owned() } else { format!("{} GiB", effort.largest) };
    tell(Figure::at_most(&format!("erasing a person: {large} / 1 KiB"), ratios, 1.3));
    Ok(())
}

/// A block of noise over and over, `left` bytes in all.
struct Repeat {
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl Read for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.block.get(self.at..).unwrap_or_default();
        let n = rest.len().min(buf.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.at = if self.at + n == self.block.len() { 0 } else { self.at + n };
        self.left -= n as u64;
        Ok(n)
    }
}
