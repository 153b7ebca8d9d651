//! Durable 4 MiB saves through the library, against append and fdatasync of the same bytes.

use std::{fs::File, io::Write, path::Path, time::Instant};

use oubliette_store::{PutOptions, SubjectFacts, Vault, VaultOptions};

use super::{BenchError, Effort, Figure, noise};

const SAVE: usize = 4 << 20;

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    let vault = Vault::create(&dir.join("vault"), VaultOptions::default())?;
    vault.put_subject("bench", &SubjectFacts::default(), false)?;
    let saves = vault.subject("bench")?.saves();
    let mut raw = File::create(dir.join("raw"))?;
    let per_round = if effort.quick { 4 } else { 24 };
    let content = noise(SAVE, 1);

    let mut ratios = Vec::new();
    for round in 0..=effort.rounds {
        let before = Instant::now();
        for _ in 0..per_round {
            raw.write_all(&content)?;
            raw.sync_data()?;
        }
        let bare = before.elapsed();
        let before = Instant::now();
        for n in 0..per_round {
            let options = PutOptions { expected_len: Some(SAVE as u64), ..PutOptions::default() };
            saves.put("bench", &format!("slot-{n}"), &options, &mut content.as_slice())?;
        }
        // Round 0 warms both sides up (slots are created in it).
        if round > 0 {
            ratios.push(bare.as_secs_f64() / before.elapsed().as_secs_f64());
        }
    }
    vault.close()?;
    tell(Figure::at_least("saves of 4 MiB, durable: vault / raw append + fdatasync", ratios, 0.45));
    Ok(())
}
