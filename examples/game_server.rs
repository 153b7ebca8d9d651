//! A game server over HTTP: it stores the versions of a real save, meets a conflict, and resumes.
//!
//! Run: `cargo run --example game_server`. It starts a service of its own and asserts what it shows.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example says what it does and stops where it is wrong"
)]

mod support;

use std::{error::Error, fs, io::Read, path::Path};

use oubliette_client::{Client, ClientError, SaveOptions, SaveRead};

const PLAYER: &str = "player-1";
const GAME: &str = "freeciv";
const SLOT: &str = "islands";

fn main() -> Result<(), Box<dyn Error>> {
    let service = support::Service::start()?;
    let client = &service.client;
    client.put_subject(PLAYER, &Default::default(), false)?;

    // The autosaves of one real game, oldest first (how they were made: examples/data/README.md).
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/saves/freeciv/islands");
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|f| f.map(|f| f.path())).collect::<Result<_, _>>()?;
    files.sort();
    let autosaves: Vec<Vec<u8>> = files.iter().map(fs::read).collect::<Result<_, _>>()?;
    let (last, earlier) = autosaves.split_last().ok_or("no sample saves")?;

    // Each autosave becomes a version; each write is conditional on the one before, so nothing is overwritten unseen.
    let mut etag = None;
    for (turn, bytes) in earlier.iter().enumerate() {
        let options = SaveOptions {
            only_new: etag.is_none(),
            if_match: etag.take(),
            meta: Some(format!(r#"{{"device":"desk","autosave":{turn}}}"#)),
            length: Some(bytes.len() as u64),
            ..SaveOptions::default()
        };
        let stored = client.put_save(PLAYER, GAME, SLOT, &mut bytes.as_slice(), &options)?;
        println!("stored version {} ({} bytes)", stored.version, stored.size);
        etag = Some(stored.etag);
    }

    // The handheld was offline and still believes in version 1. Its write is refused, with what is there now.
    let first = client.versions(PLAYER, GAME, SLOT, None)?.items.pop().ok_or("no versions")?;
    assert_eq!(first.version, 1);
    let stale = SaveOptions { if_match: Some(first.etag), ..SaveOptions::default() };
    let problem = match client.put_save(PLAYER, GAME, SLOT, &mut last.as_slice(), &stale) {
        Err(ClientError::Problem(problem)) => problem,
        other => return Err(format!("a stale write must be refused, got {other:?}").into()),
    };
    assert_eq!((problem.status, problem.code.as_str()), (412, "version_conflict"));
    let current = problem.current.ok_or("the refusal tells what is there")?;
    println!("conflict: version {} of {} bytes is newer", current.version, current.size);
    assert_eq!(current.version, earlier.len() as u64);

    // Resume: take the newest, play on, save over exactly that.
    assert_eq!(load(client, &SaveRead::default())?, *earlier.last().ok_or("no saves")?);
    let over = SaveOptions { if_match: Some(current.etag), ..SaveOptions::default() };
    let stored = client.put_save(PLAYER, GAME, SLOT, &mut last.as_slice(), &over)?;
    println!("resumed and stored version {}", stored.version);

    // Any version comes back bit for bit, and any part of one.
    for (version, bytes) in (1..).zip(&autosaves) {
        assert_eq!(&load(client, &SaveRead { version: Some(version), ..SaveRead::default() })?, bytes);
    }
    let head = load(client, &SaveRead { range: Some((0, Some(100))), ..SaveRead::default() })?;
    assert_eq!(head, last[..100]);

    // One bad version is forgotten; the others stay.
    client.forget_save(PLAYER, GAME, SLOT, Some(2))?;
    let left = client.versions(PLAYER, GAME, SLOT, None)?.items;
    assert!(left.iter().all(|save| save.version != 2) && left.len() == autosaves.len() - 1);
    println!("version 2 is forgotten, {} versions are whole", left.len());
    Ok(())
}

fn load(client: &Client, what: &SaveRead) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut body = client.save(PLAYER, GAME, SLOT, what)?.ok_or("asked without If-None-Match")?;
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    Ok(bytes)
}
