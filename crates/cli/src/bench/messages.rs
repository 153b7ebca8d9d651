//! Durable 200-byte messages: the vault against the bare engine, and 64 callers against one.

use std::{path::Path, time::Instant};

use oubliette_engine::Baseline;
use oubliette_store::{Body, NewMessage, SubjectFacts, Vault, VaultOptions};

use super::{BenchError, Effort, Figure};

const CALLERS: usize = 64;

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    let vault = Vault::create(&dir.join("vault"), VaultOptions::default())?;
    for n in 0..CALLERS * 2 {
        vault.put_subject(&format!("u{n}"), &SubjectFacts::default(), false)?;
    }
    // The conversations exist before the clock runs.
    for n in 0..CALLERS {
        append(&vault, n)?;
    }
    let baseline = Baseline::open(&dir.join("bare"))?;
    let value = [0x5a; 300];
    let count: usize = if effort.quick { 100 } else { 1_000 };

    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let mut serial = 0u64;
    for _ in 0..effort.rounds {
        let before = Instant::now();
        for _ in 0..count {
            serial += 1;
            baseline.put(&serial.to_be_bytes().repeat(4), &value)?;
        }
        let bare = before.elapsed().as_secs_f64();

        let before = Instant::now();
        for _ in 0..count {
            append(&vault, 0)?;
        }
        let one = before.elapsed().as_secs_f64();
        alone.push(bare / one);

        let before = Instant::now();
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|n| {
                    let vault = &vault;
                    scope.spawn(move || (0..count / 4).try_for_each(|_| append(vault, n)))
                })
                .collect();
            callers.into_iter().try_for_each(|c| c.join().map_err(|_| BenchError::Thread)?)
        })?;
        let many = before.elapsed().as_secs_f64();
        together.push((CALLERS * (count / 4)) as f64 / many / (count as f64 / one));
    }
    vault.close()?;
    let bare = "messages of 200 B, durable, one caller: vault / bare engine put + flush + fdatasync";
    tell(Figure::at_least(bare, alone, 0.8));
    tell(Figure::at_least("messages of 200 B, durable: 64 callers / one", together, 8.0));
    Ok(())
}

fn append(vault: &Vault, n: usize) -> Result<(), BenchError> {
    let message = NewMessage { body: Body::Text("x".repeat(200)), sent_at: None, client_id: None };
    vault.subject(&format!("u{n}"))?.chats().append(&format!("u{}", n + CALLERS), &[message])?;
    Ok(())
}
