//! Random deletions in one long conversation: how many pages of the author's cover each of them rewrites.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use oubliette_engine::{PackBlobs, SledEngine, SledOptions};
use oubliette_store::{Body, NewMessage, Parts, SubjectFacts, Vault, VaultOptions};

use super::plane::Plane;
use super::{BenchError, Effort, Figure};

/// Messages in one call.
const AT_ONCE: usize = 100;
/// Points of the curve.
const POINTS: usize = 20;

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    let (messages, deletions) = if effort.quick { (5_000, 500) } else { (100_000, 10_000) };
    let dir = dir.join("vault");
    Vault::create(&dir, VaultOptions::default())?.close()?;
    let plane = Plane::open(&dir)?;
    let vault = assemble(&dir, &plane)?;
    for name in ["author", "reader"] {
        vault.put_subject(name, &SubjectFacts::default(), false)?;
    }
    let mut ids = converse(&vault, messages)?;
    shuffle(&mut ids);
    ids.truncate(deletions);

    let chats = vault.subject("author")?.chats();
    let (mut covers, mut pages, mut ms) = (Vec::new(), Vec::new(), Vec::new());
    plane.counts.take();
    plane.counts.take_covers();
    for id in &ids {
        let clock = Instant::now();
        chats.forget_message("reader", id)?;
        ms.push(clock.elapsed().as_secs_f64() * 1e3);
        covers.push(plane.counts.take_covers() as f64);
        pages.push(plane.counts.take().iter().sum::<usize>() as f64);
    }
    drop(chats);
    vault.close()?;

    let name = |what: &str| format!("{deletions} random deletions among {messages} messages: {what}");
    for (n, part) in covers.chunks(deletions / POINTS).enumerate() {
        let x = ((n + 1) * part.len()) as f64;
        let highest = part.iter().copied().fold(0.0, f64::max);
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        tell(
            Figure::fact(&name(&format!("cover pages each, mean up to the {x}th")), mean)
                .on("covers-mean", x),
        );
        tell(
            Figure::fact(&name(&format!("cover pages, most up to the {x}th")), highest).on("covers-most", x),
        );
    }
    tell(Figure::mean_at_most(&name("cover pages each, mean"), covers, 8.0));
    tell(Figure::spread(&name("pages of the key plane each"), pages));
    tell(Figure::spread(&name("ms each"), ms));
    Ok(())
}

/// A vault over the counted key plane.
fn assemble(dir: &Path, plane: &Plane) -> Result<Vault, BenchError> {
    let key = plane.keyring.anchor_key()?;
    let engine = SledEngine::open(&dir.join("rows"), &dir.join("anchor"), &key, SledOptions::default())?;
    let blobs = PackBlobs::open(&dir.join("blobs"))?;
    let parts =
        Parts { keyring: Arc::clone(&plane.keyring), engine: Arc::new(engine), blobs: Arc::new(blobs) };
    Ok(Vault::from_parts(parts, VaultOptions::default())?)
}

/// The ids of so many messages of the author.
fn converse(vault: &Vault, messages: usize) -> Result<Vec<String>, BenchError> {
    let chats = vault.subject("author")?.chats();
    let mut ids = Vec::with_capacity(messages);
    while ids.len() < messages {
        let message =
            |n| NewMessage { body: Body::Text(format!("{n}")), sent_at: None, client_id: None, policy: None };
        let some: Vec<NewMessage> = (ids.len()..messages).take(AT_ONCE).map(message).collect();
        ids.extend(chats.append("reader", &some)?.into_iter().map(|posted| posted.id));
    }
    Ok(ids)
}

/// The same order in every run (Fisher and Yates, over a small generator).
fn shuffle(ids: &mut [String]) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for last in (1..ids.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ids.swap(last, (state % (last as u64 + 1)) as usize);
    }
}
