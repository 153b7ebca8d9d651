//! A game server over HTTP: it stores the versions of a real save, meets a conflict and keeps both sides, resumes, keeps what is
//! worth keeping, and lets a friend follow.
//!
//! Run: `cargo run --example game_server`. It starts a service of its own and asserts what it shows.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example says what it does and stops where it is wrong"
)]

mod support;

use std::{error::Error, fs, io::Read, path::Path};

use oubliette_client::{Client, ClientError, Keep, SaveOptions, SaveRead, ShareGiven};

const PLAYER: &str = "player-1";
const FRIEND: &str = "player-2";
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
    let handheld = Some(r#"{"device":"handheld"}"#.to_owned());
    let stale = SaveOptions { if_match: Some(first.etag), meta: handheld.clone(), ..SaveOptions::default() };
    let problem = match client.put_save(PLAYER, GAME, SLOT, &mut last.as_slice(), &stale) {
        Err(ClientError::Problem(problem)) => problem,
        other => return Err(format!("a stale write must be refused, got {other:?}").into()),
    };
    assert_eq!((problem.status, problem.code.as_str()), (412, "version_conflict"));
    let current = problem.current.ok_or("the refusal tells what is there")?;
    let yours = problem.yours.ok_or("and what was refused")?;
    let (theirs, ours) = (current.device.as_deref().unwrap_or("?"), yours.device.as_deref().unwrap_or("?"));
    println!(
        "conflict: version {} by the {theirs} ({} bytes), or the {ours}'s?",
        current.version, current.size
    );
    assert_eq!((current.version, theirs, ours), (earlier.len() as u64, "desk", "handheld"));
    assert_eq!(yours.base.ok_or("where the two parted")?.version, 1);

    // Nothing is thrown away before the player chose: the refused side goes into a slot of its own (docs/saves.md, "Keep both").
    let beside = format!("{SLOT} ({ours}, {})", yours.received);
    let only_new = SaveOptions { only_new: true, meta: handheld, ..SaveOptions::default() };
    client.put_save(PLAYER, GAME, &beside, &mut last.as_slice(), &only_new)?;
    println!("both are kept: {SLOT} and {beside}");

    // The player takes the handheld's. Resume: take the newest, play on, save over exactly that.
    assert_eq!(load(client, &SaveRead::default())?, *earlier.last().ok_or("no saves")?);
    let over = SaveOptions { if_match: Some(current.etag), ..SaveOptions::default() };
    let stored = client.put_save(PLAYER, GAME, SLOT, &mut last.as_slice(), &over)?;
    println!("resumed and stored version {}", stored.version);
    client.forget_save(PLAYER, GAME, &beside, None)?;

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

    // The newest three are enough; the others are forgotten now, and from now on with each save.
    client.keep_saves(PLAYER, GAME, SLOT, &Keep { keep_last: Some(3), keep_days: None })?;
    assert_eq!(client.versions(PLAYER, GAME, SLOT, None)?.items.len(), 3);

    follow(client, last)?;

    // Before the lobby opens, every slot's newest version in one answer.
    let mut bytes = 0;
    let prefetched = client.prefetch_saves(PLAYER, GAME, None, None, &mut |_, content| {
        bytes += std::io::copy(content, &mut std::io::sink())?;
        Ok(())
    })?;
    println!("{} slot prefetched, {bytes} bytes", prefetched.saves.len());
    assert_eq!((prefetched.saves.len(), bytes), (1, last.len() as u64));
    Ok(())
}

/// Follow play: a friend goes on from the player's save, in a slot of their own, for as long as the player lets them.
fn follow(client: &Client, newest: &[u8]) -> Result<(), Box<dyn Error>> {
    client.put_subject(FRIEND, &Default::default(), false)?;
    let share = ShareGiven { audience: "users".into(), users: Some(vec![FRIEND.into()]), expires: None };
    client.share_save(PLAYER, GAME, SLOT, &share)?;
    let mut shared =
        client.follow(FRIEND, PLAYER, GAME, SLOT, &SaveRead::default())?.ok_or("no condition")?;
    let mut begun = Vec::new();
    shared.read_to_end(&mut begun)?;
    assert!(begun == newest && shared.meta.is_none(), "the bytes, and nothing of the player's devices");

    let own = SaveOptions { only_new: true, ..SaveOptions::default() };
    client.put_save(FRIEND, GAME, "following", &mut begun.as_slice(), &own)?;
    client.put_save(FRIEND, GAME, "following", &mut &b"another ending"[..], &SaveOptions::default())?;
    assert_eq!(load(client, &SaveRead::default())?, newest, "the player's own slot is as it was");
    println!("{FRIEND} goes on from {PLAYER}'s save in a slot of their own");

    // The player's switch, a block or the end of the share: whichever it is, the friend is told one thing.
    client.set_follow_play(PLAYER, false)?;
    let refused = client.follow(FRIEND, PLAYER, GAME, SLOT, &SaveRead::default());
    assert_eq!(refused.err().and_then(|error| error.code().map(str::to_owned)).as_deref(), Some("not_found"));
    client.set_follow_play(PLAYER, true)?;
    client.unshare_save(PLAYER, GAME, SLOT)?;
    let refused = client.follow(FRIEND, PLAYER, GAME, SLOT, &SaveRead::default());
    assert_eq!(refused.err().and_then(|error| error.code().map(str::to_owned)).as_deref(), Some("not_found"));
    println!("the share is over; what {FRIEND} made of it stays theirs");
    Ok(())
}

fn load(client: &Client, what: &SaveRead) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut body = client.save(PLAYER, GAME, SLOT, what)?.ok_or("asked without If-None-Match")?;
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    Ok(bytes)
}
