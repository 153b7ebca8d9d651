//! What is in escrow opens for the holders of its window and for nobody else, and for nobody at all once their keys are destroyed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use oubliette_adversary::{Canary, Evidence, Leak, MemoryGround, Report, World, close, judge};
use oubliette_store::escrow::{EscrowPlan, NOT_FINAL, holder};
use oubliette_store::{PutOptions, SubjectFacts, VaultOptions};

const HOLDERS: [&str; 3] = ["one", "two", "three"];

/// Every file below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(std::fs::read(path).unwrap()) }
    }
    found
}

struct Scene {
    world: World,
    folder: PathBuf,
    /// Every file that was ever in the escrow.
    kept: BTreeSet<Vec<u8>>,
}

impl Scene {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir(folder.join("escrow")).unwrap();
        let options = VaultOptions { escrow: Some(folder.join("escrow.json")), ..VaultOptions::default() };
        let world = World::create(MemoryGround::new(folder, 1).unwrap(), options).unwrap();
        Self { world, folder: folder.to_owned(), kept: BTreeSet::new() }
    }
    fn person(&self, user: &str) -> Canary {
        let (vault, canary) = (self.world.vault().unwrap(), Canary::fresh().unwrap());
        vault.put_subject(user, &SubjectFacts::default(), false).unwrap();
        let content = &mut canary.as_str().as_bytes();
        vault.subject(user).unwrap().saves().put("doom", "e1m1", &PutOptions::default(), content).unwrap();
        canary
    }
    fn keep(&mut self) {
        self.kept.extend(files(&self.folder.join("escrow")));
        self.kept.extend([std::fs::read(self.folder.join("escrow.json")).unwrap()]);
    }
    /// Everything ever written, the escrow's files included, every current secret, and what these holders have in their folders now.
    fn seize(&mut self, holders: &[&str]) -> Evidence {
        self.keep();
        let mut evidence = self.world.seize().unwrap();
        for file in &self.kept {
            // Pages of the archive are the vault's own; the slot file itself is looked through as well.
            evidence
                .pages
                .extend(file.chunks(1024).filter(|slot| slot.starts_with(b"OP")).map(<[u8]>::to_vec));
        }
        evidence.other.extend(self.kept.iter().cloned());
        evidence.holders = holders.iter().flat_map(|holder| files(&self.folder.join(holder))).collect();
        evidence
    }
}

fn reached(report: &Report, canary: &Canary) -> bool {
    report.reached.contains(canary)
}

#[test]
fn a_window_is_open_to_its_holders_and_shut_after_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::new(folder.path());
    let (gone, stays) = (scene.person("gone"), scene.person("stays"));
    let cards = HOLDERS.map(|name| holder::keygen(&folder.path().join(name), name, 1, 2).unwrap());
    let store = folder.path().join("escrow");
    let plan = EscrowPlan { store, threshold: 2, days: 7, holders: cards.to_vec() };
    scene.world.vault().unwrap().escrow().init(plan).unwrap();
    scene.keep();
    scene.world.vault().unwrap().erase(&["gone"]).unwrap();
    let erased_in = scene.world.keyring().unwrap().generation();
    scene.world.vault().unwrap().escrow().seal_now().unwrap();
    let set = |canary: &Canary| BTreeSet::from([canary.clone()]);

    // Without holders, and with one of the two that are needed, the erasure is what it is.
    for holders in [[].as_slice(), &HOLDERS[..1]] {
        let report = close(&scene.seize(holders));
        judge(&report, &set(&stays), &set(&gone)).unwrap_or_else(|leak| panic!("{holders:?}: {leak}"));
    }
    // With two of them it is not: that is why it is not final yet. Else the search would prove nothing.
    let report = close(&scene.seize(&HOLDERS[1..]));
    assert!(reached(&report, &gone), "the holders of the window do not open its root: the search is blind");
    assert!(matches!(judge(&report, &set(&stays), &set(&gone)), Err(Leak::Erased(_))));
    let vault = scene.world.vault().unwrap();
    let end = vault.escrow().final_after(erased_in).unwrap().unwrap();

    // The window ends: another is sealed to, two holders destroy their keys and say so.
    scene.world.advance(7 * 24 * 3600);
    vault.escrow().seal_now().unwrap();
    assert_eq!(vault.escrow().final_after(erased_in).unwrap(), Some(NOT_FINAL));
    let destroyed = &HOLDERS[..2];
    let statement = |name: &&str| holder::destroy(&folder.path().join(name), 1, end).unwrap();
    let statements: Vec<_> = destroyed.iter().map(statement).collect();
    vault.escrow().rotate(&[], &statements).unwrap();
    assert_eq!(vault.escrow().final_after(erased_in).unwrap(), Some(end));
    let late = scene.person("late");
    scene.world.vault().unwrap().escrow().seal_now().unwrap();
    let report = close(&scene.seize(&HOLDERS));
    let live = BTreeSet::from([stays, late]);
    judge(&report, &live, &set(&gone)).unwrap_or_else(|leak| panic!("{leak}"));
}
