//! Escrow in a real folder: windows, holders, how far it is behind, when an erasure is final, and the way back.

mod disk;
mod old_disks;
mod recovery;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oubliette_store::escrow::holder::{self, OpenedShare};
use oubliette_store::escrow::{EscrowPlace, EscrowPlan, HolderCard, HolderStatement, NOT_FINAL};
use oubliette_store::{Clock, ReceiptState, RecoverFrom, RecoveredVault, Vault, VaultError, VaultOptions};
use tempfile::TempDir;

use crate::folder::options as plain;
use crate::world::{get, noise, person, put, text, texts};

const DAY: u64 = 24 * 3600 * 1_000_000;
const HOLDERS: [&str; 3] = ["the notary", "ben", "cleo"];

struct Hands(AtomicU64);

impl Clock for Hands {
    fn now_micros(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A vault with an escrow, its holders' folders, and a clock that is moved by hand.
pub(crate) struct World {
    dir: TempDir,
    clock: Arc<Hands>,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("escrow")).unwrap();
        Self { dir, clock: Arc::new(Hands(AtomicU64::new(1_800_000_000_000_000))) }
    }
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub(crate) fn options(&self) -> VaultOptions {
        VaultOptions { clock: Some(self.clock.clone()), ..plain() }
    }
    fn days(&self, days: u64) {
        self.clock.0.fetch_add(days * DAY, Ordering::SeqCst);
    }
    fn now(&self) -> i64 {
        (self.clock.0.load(Ordering::SeqCst) / 1_000_000) as i64
    }
    fn card(&self, n: usize, from: u32, count: u32) -> HolderCard {
        let card = holder::keygen(&self.at(HOLDERS[n]), HOLDERS[n], from, count).unwrap();
        HolderCard::parse(&card.to_json()).unwrap()
    }
    fn plan(&self) -> EscrowPlan {
        let holders = (0..3).map(|n| self.card(n, 1, 2)).collect();
        EscrowPlan { store: self.at("escrow"), threshold: 2, days: 7, holders }
    }
    pub(crate) fn create(&self) -> Vault {
        let vault = Vault::create(&self.at("vault"), self.options()).unwrap();
        vault.escrow().init(self.plan()).unwrap();
        vault
    }
    fn open(&self) -> Vault {
        Vault::open(&self.at("vault"), self.options()).unwrap()
    }
    pub(crate) fn place(&self) -> EscrowPlace {
        let vault = EscrowPlace::vaults(&self.at("escrow")).unwrap().remove(0);
        EscrowPlace::of(&self.at("escrow"), vault)
    }
    fn destroy(&self, n: usize, window: u32) -> HolderStatement {
        let statement = holder::destroy(&self.at(HOLDERS[n]), window, self.now()).unwrap();
        HolderStatement::parse(&statement.to_json()).unwrap()
    }
    /// The shares that these holders open of the newest root.
    fn shares(&self, of: &[usize]) -> Result<Vec<OpenedShare>, VaultError> {
        let (_, blob) = self.place().roots().unwrap().remove(0);
        let open = |n: &usize| {
            let share = holder::open(&self.at(HOLDERS[*n]), &blob)?;
            OpenedShare::parse(&share.to_json())
        };
        of.iter().map(open).collect()
    }
    pub(crate) fn from(&self, of: &[usize]) -> Result<RecoverFrom, VaultError> {
        let old = self.at("vault");
        Ok(RecoverFrom {
            store: self.at("escrow"),
            shares: self.shares(of)?,
            ledger: old.join("ledger"),
            rows: Some(old.clone()),
            old: Some(old),
        })
    }
    fn recover(&self, to: &str, of: &[usize]) -> Result<(Vault, RecoveredVault), VaultError> {
        Vault::recover(&self.at(to), &self.from(of)?, &self.options(), &mut |_, _| ())
    }
}

fn lose_keys(dir: &Path) {
    fs::remove_file(dir.join("root.cell")).unwrap();
    fs::remove_dir_all(dir.join("keys-a")).unwrap();
    fs::remove_dir_all(dir.join("keys-b")).unwrap();
}

#[test]
fn windows_pass_keys_are_destroyed_and_then_an_erasure_is_final() {
    let world = World::new();
    let vault = world.create();
    for user in ["ann", "bob", "cem"] {
        put(&person(&vault, user), "s", b"theirs");
    }
    vault.escrow().seal_now().unwrap();
    let first_end = vault.escrow().status().unwrap().window_ends;
    let erase = |user: &str| match vault.erase(&[user]).unwrap().remove(0) {
        oubliette_store::ErasureOutcome::Erased(record) => record.generation_after,
        other => panic!("{other:?}"),
    };
    let ann = erase("ann");
    let finality = |generation| vault.escrow().final_after(generation).unwrap();
    assert_eq!(finality(ann), Some(first_end));
    assert_eq!(finality(1), None, "before the first root went into escrow");

    // The window ends. Until its keys are destroyed nothing is final, whatever the date.
    world.days(7);
    assert_eq!(finality(ann), Some(NOT_FINAL));
    let status = vault.escrow().status().unwrap();
    assert_eq!((status.window, status.sealed.is_some()), (2, true));
    assert!(status.problems.iter().any(|p| p.contains("window 1") && p.contains("cleo")), "{status:?}");
    assert!(vault.warnings().iter().any(|warning| warning.what.contains("escrow")));
    vault.sweep(10).unwrap();
    let newest = world.place().roots().unwrap();
    assert!(newest.iter().all(|(_, blob)| blob.head.window == 2), "older windows are let go of");
    let bob = erase("bob");
    let is_final = |user: &str| {
        vault.sweep(1000).unwrap();
        let receipts = vault.receipts_of_user(user).unwrap();
        assert!(receipts.iter().any(|(state, _)| *state == ReceiptState::Erased), "{user}");
        receipts.iter().any(|(state, _)| *state == ReceiptState::Final)
    };
    assert!(!is_final("ann"), "its window is over, its keys are not destroyed");

    // Of three holders two say so: the one key that is left says nothing.
    let one = world.destroy(0, 1);
    vault.escrow().rotate(&[], std::slice::from_ref(&one)).unwrap();
    assert_eq!(finality(ann), Some(NOT_FINAL));
    vault.escrow().rotate(&[], &[one, world.destroy(1, 1)]).unwrap();
    assert_eq!(finality(ann), Some(first_end));
    let second_end = first_end + 7 * 24 * 3600;
    assert_eq!(finality(bob), Some(second_end));
    assert!(is_final("ann") && !is_final("bob"), "bob's window is not over");
    assert!(world.shares(&[0]).is_ok(), "of window 2");

    // No keys for window 3: nothing goes into escrow, and it is said; with a card it goes on.
    world.days(7);
    person(&vault, "dua");
    assert!(matches!(vault.escrow().seal_now(), Err(VaultError::Other { .. })));
    vault.sweep(10).unwrap();
    let status = vault.escrow().status().unwrap();
    assert!(status.behind > 0 && status.no_key.len() == 3, "{status:?}");
    assert!(status.problems.iter().any(|p| p.contains("window 3")), "{status:?}");
    assert!(vault.not_ready().is_empty(), "the vault itself is well");
    let cards: Vec<_> = (0..2).map(|n| world.card(n, 3, 4)).collect();
    let status = vault.escrow().rotate(&cards, &[world.destroy(0, 2), world.destroy(2, 2)]).unwrap();
    assert_eq!((status.behind, status.problems.len()), (0, 0), "{status:?}");
    assert_eq!(status.no_key, ["cleo"]);
    let (_, blob) = world.place().roots().unwrap().remove(0);
    assert_eq!((blob.head.window, blob.head.keys.len(), blob.head.threshold), (3, 2, 2));
    assert_eq!(finality(bob), Some(second_end));
    vault.close().unwrap();
    drop(vault);
    // It is all durable, and the clock that is set back brings no old window back.
    world.clock.0.fetch_sub(10 * DAY, Ordering::SeqCst);
    let vault = world.open();
    let status = vault.escrow().status().unwrap();
    assert_eq!((status.window, status.behind), (3, 0));
    // Nothing comes back beside a vault that is open.
    vault.close().unwrap();
    drop(vault);
    let (back, _) = world.recover("new", &[0, 1]).unwrap();
    assert!(back.subject("cem").is_ok());
}

#[test]
fn plans_cards_and_statements_that_do_not_fit_are_refused() {
    let world = World::new();
    let vault = Vault::create(&world.at("vault"), world.options()).unwrap();
    assert!(vault.warnings().iter().any(|warning| warning.what.contains("total loss")));
    assert!(matches!(vault.escrow().status(), Err(VaultError::NotFound { .. })));
    assert_eq!(vault.escrow().final_after(9).unwrap(), None);
    let refused = |plan: EscrowPlan| match vault.escrow().init(plan).err().unwrap() {
        VaultError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(refused(EscrowPlan { threshold: 4, ..world.plan() }), "threshold");
    assert_eq!(refused(EscrowPlan { threshold: 0, ..world.plan() }), "threshold");
    assert_eq!(refused(EscrowPlan { days: 0, ..world.plan() }), "days");
    assert_eq!(refused(EscrowPlan { store: world.at("nowhere"), ..world.plan() }), "store");
    let late = (0..3).map(|n| world.card(n, 9, 1)).collect();
    assert!(
        vault.escrow().init(EscrowPlan { holders: late, ..world.plan() }).is_err(),
        "no key for window 1"
    );
    vault.escrow().init(world.plan()).unwrap();
    assert_eq!(refused(world.plan()), "escrow");
    assert!(vault.warnings().is_empty(), "{:?}", vault.warnings());

    let field = |cards: &[HolderCard], statements: &[HolderStatement]| match vault
        .escrow()
        .rotate(cards, statements)
        .err()
        .unwrap()
    {
        VaultError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    // A changed card; another holder of the same name; another key for a window.
    let mut card = world.card(0, 5, 1);
    card.keys[0].window = 6;
    assert_eq!(field(&[card], &[]), "card");
    let other = holder::keygen(&world.at("other"), HOLDERS[0], 5, 1).unwrap();
    assert_eq!(field(&[other], &[]), "card");
    fs::remove_file(world.at(HOLDERS[0]).join("window-00000002.key")).unwrap();
    assert_eq!(field(&[world.card(0, 2, 1)], &[]), "card");
    // A statement of a stranger, about another key, with another's signature.
    let mut statement = world.destroy(1, 1);
    for change in [
        |s: &mut HolderStatement| s.holder = "nobody".to_owned(),
        |s: &mut HolderStatement| s.window = 2,
        |s: &mut HolderStatement| s.destroyed += 1,
        |s: &mut HolderStatement| s.holder = HOLDERS[2].to_owned(),
    ] {
        let mut changed = statement.clone();
        change(&mut changed);
        assert_eq!(field(&[], &[changed]), "statement");
    }
    assert!(matches!(holder::destroy(&world.at(HOLDERS[1]), 1, 0), Err(VaultError::NotFound { .. })));
    statement.signature.clear();
    assert_eq!(field(&[], &[statement]), "statement");
    assert!(holder::keygen(&world.at(HOLDERS[1]), "another", 1, 1).is_err(), "one folder, one holder");
    // A disk that is not there is a problem of the escrow alone.
    fs::rename(world.at("escrow"), world.at("unmounted")).unwrap();
    person(&vault, "ann");
    world.days(1);
    vault.sweep(10).unwrap();
    assert!(vault.escrow().status().unwrap().problems[0].contains("mount its disk"));
    vault.close().unwrap();
    drop(vault);
    let vault = world.open();
    assert!(vault.subject("ann").is_ok() && vault.warnings().len() == 1);
}

/// A second name of the file shows what stands where its bytes were.
#[test]
fn a_destroyed_key_is_overwritten_where_it_lay() {
    let world = World::new();
    world.card(0, 1, 1);
    let key = world.at(HOLDERS[0]).join("window-00000001.key");
    let place = world.at("place");
    fs::hard_link(&key, &place).unwrap();
    let before = fs::read(&place).unwrap();
    world.destroy(0, 1);
    assert!(!key.exists());
    let after = fs::read(&place).unwrap();
    let kept = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    assert!(after.len() == before.len() && kept < before.len() / 50, "the key is still there: {kept} bytes");
    // It lies under randomness all of which is needed.
    assert!(before.len() > 16_384);
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
    to.to_owned()
}
