//! Saves that real games wrote.

use crate::{
    support::{self, freeciv},
    world::{World, get, part, put},
};

const GAME: &str = "freeciv";
const SLOT: &str = "autosave";

#[test]
fn every_version_of_a_real_game_comes_back_and_is_played_on() {
    let Some(shared) = support::shared_or_left_out("real_input: freeciv") else { return };
    let versions: Vec<_> =
        freeciv::versions(&shared).into_iter().filter(|(name, _)| name.contains("auto")).collect();
    assert_eq!(versions.len(), 50);

    let mut world = World::new();
    let player = world.person("player");
    for (n, (_, bytes)) in versions.iter().enumerate() {
        let stored = put(&player, GAME, SLOT, bytes);
        assert_eq!((stored.version, stored.size), (n as u64 + 1, bytes.len() as u64));
    }
    drop(player);
    world.reopen();
    let player = world.vault.subject("player").unwrap();
    for (n, (name, bytes)) in versions.iter().enumerate() {
        assert!(get(&player, GAME, SLOT, Some(n as u64 + 1)) == *bytes, "{name} came back changed");
    }
    world.is_sound();

    let raw: usize = versions.iter().map(|(_, bytes)| bytes.len()).sum();
    let status = world.vault.status().unwrap();
    let stored = status.blob_disk + status.row_bytes;
    println!("50 versions: {raw} bytes raw, {stored} stored ({:.1} %)", 100.0 * stored as f64 / raw as f64);
    assert!(stored < raw as u64 / 4, "text that a compressor shrinks 27 times takes {stored} of {raw} bytes");

    let (name, _) = versions.last().unwrap();
    let newest = get(&player, GAME, SLOT, None);
    the_game_accepts(name, &newest);
}

fn the_game_accepts(name: &str, save: &[u8]) {
    if !freeciv::is_installed() {
        return support::left_out("real_input: freeciv as the judge", "freeciv-server is not installed");
    }
    freeciv::plays_on(name, save).unwrap();
}

#[test]
fn saves_of_other_games_come_back_whole_and_in_parts() {
    let Some(shared) = support::shared_or_left_out("real_input: saves") else { return };
    let mut world = World::new();
    let mut kept = Vec::new();
    for game in ["nethack", "minecraft", "unreal"] {
        let player = world.person(game);
        let files = support::files_in(&shared.join("data/saves").join(game));
        assert!(files.len() >= 4, "{game}");
        for (name, bytes) in files {
            put(&player, game, &name, &bytes);
            kept.push((game, name, bytes));
        }
    }
    world.reopen();
    for (game, name, bytes) in &kept {
        let player = world.vault.subject(game).unwrap();
        assert!(get(&player, game, name, None) == *bytes, "{game}/{name} came back changed");
        for (from, to) in parts_of(bytes.len() as u64) {
            let expected = &bytes[from as usize..to as usize];
            assert!(part(&player, game, name, from, to) == expected, "{game}/{name}: {from}..{to}");
        }
    }
    world.is_sound();
}

/// First and last byte, around the seams of chunks (16 KiB) and frames (128 KiB), and odd ones.
fn parts_of(size: u64) -> impl Iterator<Item = (u64, u64)> {
    let seams =
        [16_384, 131_072, 262_144].into_iter().flat_map(|seam| [(seam - 1, seam + 1), (seam, seam + 77)]);
    let fixed = [(0, 1), (0, size), (size - 1, size), (size / 3, size / 3 + 100), (size / 2, size)];
    fixed.into_iter().chain(seams).filter(move |(from, to)| from < to && *to <= size)
}

#[test]
fn our_own_samples_come_back() {
    let world = World::new();
    let player = world.person("player");
    for slot in ["islands", "packed"] {
        for (n, (name, bytes)) in freeciv::sample(slot).iter().enumerate() {
            put(&player, GAME, slot, bytes);
            assert!(get(&player, GAME, slot, Some(n as u64 + 1)) == *bytes, "{name} came back changed");
        }
    }
    let samples = freeciv::sample("islands");
    let (name, _) = samples.last().unwrap();
    let save = get(&player, GAME, "islands", None);
    the_game_accepts(name, &save);
    // A judge that accepts anything would prove nothing.
    if freeciv::is_installed() {
        let refused = freeciv::plays_on(name, &save[..50_000]).unwrap_err();
        assert!(refused.contains("End-of-file"), "{refused}");
    }
}
