//! Many erased people among the living, over real files.

use std::collections::BTreeSet;
use std::time::Instant;

use oubliette_adversary::{Canary, FolderGround, World, close, judge};
use oubliette_store::{Body, ErasureOutcome, NewMessage, SubjectFacts, Vault, VaultOptions};

/// How many are erased; `OUBLIETTE_TAPE_PEOPLE` asks for others.
const ERASED: usize = 200;
const LIVING: usize = 40;
const THREADS: usize = 8;

struct Player {
    id: Canary,
    /// Region, slot, save, message.
    content: [Canary; 4],
}

/// Everybody plays, writes to their neighbour, most leave: some alone, the rest in batches as the nightly job does it.
#[test]
fn of_200_erased_people_nothing_is_reached() {
    let erased = std::env::var("OUBLIETTE_TAPE_PEOPLE").ok().and_then(|number| number.parse().ok());
    let erased = erased.unwrap_or(ERASED);
    let start = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let world = World::create(FolderGround::new(folder.path()).unwrap(), VaultOptions::default()).unwrap();
    let vault = world.vault().unwrap();
    let fresh = || Canary::fresh().unwrap();
    let player = |_| Player { id: fresh(), content: std::array::from_fn(|_| fresh()) };
    let players: Vec<Player> = (0..erased + LIVING).map(player).collect();
    at_once(&players, |player| join(vault, player));
    let pairs: Vec<(&Player, &Player)> = players.iter().zip(players.iter().skip(1)).collect();
    at_once(&pairs, |(player, peer)| say(vault, player, peer));
    world.keep_files().unwrap();

    let (leaving, staying) = players.split_at(erased);
    let (alone, together) = leaving.split_at(erased / 5);
    for group in alone.chunks(1).chain(together.chunks(20)) {
        let ids: Vec<&str> = group.iter().map(|player| player.id.as_str()).collect();
        let outcomes = vault.erase(&ids).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, ErasureOutcome::Erased(_))));
        world.keep_files().unwrap();
    }

    let canaries = |players: &[Player]| -> BTreeSet<Canary> {
        players.iter().flat_map(|player| player.content.iter().chain([&player.id])).cloned().collect()
    };
    let mut living = canaries(staying);
    // The last of them writes to nobody.
    living.remove(&staying[LIVING - 1].content[3]);
    let report = close(&world.seize().unwrap());
    println!("{} gone, {} alive, {:?}: {}", leaving.len(), staying.len(), start.elapsed(), report.counts);
    judge(&report, &living, &canaries(leaving)).unwrap_or_else(|leak| panic!("{leak}"));
    assert!(report.counts.trials() > 1_000 * erased as u64, "{}", report.counts);
    println!(
        "assured: everything ever written: 0 of {erased} erased people reached in {} trials",
        report.counts.trials()
    );
}

fn join(vault: &Vault, player: &Player) {
    let [region, slot, save, _] = player.content.each_ref().map(Canary::as_str);
    let facts = SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() };
    vault.put_subject(player.id.as_str(), &facts, false).unwrap();
    let saves = vault.subject(player.id.as_str()).unwrap().saves();
    saves.put("game", slot, &Default::default(), &mut save.as_bytes()).unwrap();
}

fn say(vault: &Vault, player: &Player, peer: &Player) {
    let body = Body::Text(player.content[3].as_str().to_owned());
    let message = NewMessage { body, sent_at: None, client_id: None, policy: None };
    vault.subject(player.id.as_str()).unwrap().chats().append(peer.id.as_str(), &[message]).unwrap();
}

/// On some threads, so that commits share their syncs.
fn at_once<T: Sync>(all: &[T], act: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(THREADS).max(1)) {
            scope.spawn(|| part.iter().for_each(&act));
        }
    });
}
