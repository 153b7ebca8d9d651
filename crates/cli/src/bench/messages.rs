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
    let count: usize = if effort.quick { 100 } else { 1_000 };
    let mut serial = 0;

    let (mut one_bare, mut many_bare, mut many_one) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let bare = rate(count, || put_bare(&baseline, &mut serial, count))?;
        let one = rate(count, || (0..count).try_for_each(|_| append(&vault, 0)))?;
        let many = rate(CALLERS * (count / 4), || append_together(&vault, count / 4))?;
        one_bare.push(one / bare);
        many_bare.push(many / bare);
        many_one.push(many / one);
    }
    vault.close()?;
    let alone = "messages of 200 B, durable, one caller: vault / bare engine put + flush + fdatasync";
    tell(Figure::at_least(alone, one_bare, 0.8));
    // The two goals together ask for so much.
    tell(Figure::at_least("messages of 200 B, durable, 64 callers: vault / bare engine", many_bare, 6.4));
    tell(Figure::at_least("messages of 200 B, durable: 64 callers / one", many_one, 8.0));
    Ok(())
}

/// Messages in a second.
fn rate(count: usize, work: impl FnOnce() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let before = Instant::now();
    work()?;
    Ok(count as f64 / before.elapsed().as_secs_f64())
}

fn put_bare(baseline: &Baseline, serial: &mut u64, count: usize) -> Result<(), BenchError> {
    let value = [0x5a; 300];
    for _ in 0..count {
        *serial += 1;
        baseline.put(&serial.to_be_bytes().repeat(4), &value)?;
    }
    Ok(())
}

/// Each caller in a conversation of its own.
fn append_together(vault: &Vault, each: usize) -> Result<(), BenchError> {
    std::thread::scope(|scope| {
        let mut callers = Vec::with_capacity(CALLERS);
        for n in 0..CALLERS {
            let work = move || (0..each).try_for_each(|_| append(vault, n));
            callers.push(std::thread::Builder::new().name(format!("caller-{n}")).spawn_scoped(scope, work)?);
        }
        callers.into_iter().try_for_each(|caller| caller.join().map_err(|_| BenchError::Thread)?)
    })
}

fn append(vault: &Vault, n: usize) -> Result<(), BenchError> {
    let message =
        NewMessage { body: Body::Text("x".repeat(200)), sent_at: None, client_id: None, policy: None };
    vault.subject(&format!("u{n}"))?.chats().append(&format!("u{}", n + CALLERS), &[message])?;
    Ok(())
}
