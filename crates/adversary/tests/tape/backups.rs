//! Backups: bytes that never forget, at a place that keeps every one of them. Taken apart by docs/formats.md, section 14, without the store's code.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use oubliette_adversary::{Canary, Evidence, FolderGround, World, close, judge};
use oubliette_store::{
    BackupStore, Body, ChatPolicy, NewBackup, NewMessage, SubjectFacts, Vault, VaultError, VaultOptions,
};

/// A place that keeps what was removed.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Vec<u8>>>);

impl BackupStore for Kept {
    fn describe(&self) -> String {
        "a tape".to_owned()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        self.0.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
    fn get(&self, name: &str, part: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError> {
        let objects = self.0.lock().unwrap();
        let whole = objects.get(name);
        Ok(whole.map(|bytes| match part {
            Some(part) => bytes[part.start as usize..part.end as usize].to_vec(),
            None => bytes.clone(),
        }))
    }
    fn list(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }
    fn remove(&self, _name: &str) -> Result<(), VaultError> {
        Ok(())
    }
}

/// Reads numbers off the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
    fn number(&mut self, length: usize) -> usize {
        self.take(length).iter().fold(0, |number, byte| (number << 8) | usize::from(*byte))
    }
}

/// A body's row and its parts, by key and salt.
type Parts = BTreeMap<(Vec<u8>, Vec<u8>), (Vec<u8>, BTreeMap<usize, Vec<u8>>)>;

/// Every row and body of every segment that was ever written.
fn apart(objects: &BTreeMap<String, Vec<u8>>) -> Evidence {
    let mut evidence = Evidence { other: objects.values().cloned().collect(), ..Evidence::default() };
    let mut parts = Parts::new();
    for bytes in objects.iter().filter(|(name, _)| name.starts_with("segment-")).map(|(_, bytes)| bytes) {
        let mut head = Bytes(bytes);
        assert_eq!(head.take(8), b"OUBBKSEG");
        head.take(16);
        let (entries, table) = (head.number(4), head.number(4));
        let mut table_bytes = Bytes(&bytes[40..40 + table]);
        let mut data = Bytes(&bytes[40 + table..]);
        let mut key = Vec::new();
        for _ in 0..entries {
            let (kind, shared) = (table_bytes.number(1), table_bytes.number(1));
            key.truncate(shared);
            key.extend_from_slice(table_bytes.take(30 - shared));
            if kind == 0 {
                continue;
            }
            let (tag, row) = (table_bytes.take(8).to_vec(), table_bytes.number(2));
            if kind == 1 {
                evidence.rows.push((key.clone(), data.take(row).to_vec()));
                continue;
            }
            let (_, first, length) = (table_bytes.number(8), table_bytes.number(8), table_bytes.number(4));
            let (row, part) = (data.take(row), data.take(length));
            let body = parts.entry((key.clone(), tag)).or_default();
            body.0.extend_from_slice(row);
            body.1.insert(first, part.to_vec());
        }
    }
    // A row names its body by the reference of section 6: one of our own.
    for (number, ((key, _), (row, parts))) in parts.into_iter().enumerate() {
        let name = [b"backup", number.to_be_bytes().as_slice()].concat();
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        assert_eq!(row[2..4], [0, 0], "no reference leaves the vault");
        let row = [&row[..2], &length, &name, &row[4..]].concat();
        evidence.rows.push((key, row));
        evidence.blobs.push((name, parts.into_values().flatten().collect()));
    }
    evidence
}

struct Player {
    id: Canary,
    /// Region, slot, save (with noise behind it), message, message that both have.
    content: [Canary; 5],
}

impl Player {
    fn join(vault: &Vault) -> Self {
        let player =
            Self { id: Canary::fresh().unwrap(), content: std::array::from_fn(|_| Canary::fresh().unwrap()) };
        let [region, slot, save, ..] = player.content.each_ref().map(Canary::as_str);
        let facts = SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() };
        vault.put_subject(player.id.as_str(), &facts, false).unwrap();
        let saves = vault.subject(player.id.as_str()).unwrap().saves();
        let large = save.repeat(400);
        saves.put("game", slot, &Default::default(), &mut large.as_bytes()).unwrap();
        player
    }

    fn say(&self, vault: &Vault, peer: &Self) {
        let message = |canary: &Canary, policy| {
            let body = Body::Text(canary.as_str().to_owned());
            NewMessage { body, sent_at: None, client_id: None, policy: Some(policy) }
        };
        let messages =
            [message(&self.content[3], ChatPolicy::Author), message(&self.content[4], ChatPolicy::Either)];
        vault.subject(self.id.as_str()).unwrap().chats().append(peer.id.as_str(), &messages).unwrap();
    }

    fn all(&self) -> Vec<Canary> {
        self.content.to_vec()
    }
}

/// The backups, and all that is there now.
fn with_backups(seized: Evidence, kept: &Kept) -> Evidence {
    let mut evidence = apart(&kept.0.lock().unwrap());
    evidence.other.extend(seized.other);
    Evidence {
        pages: seized.pages,
        cells: seized.cells,
        memory: seized.memory,
        logs: seized.logs,
        ..evidence
    }
}

#[test]
fn no_backup_gives_an_erased_person_away_and_each_gives_all_the_living() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::create(FolderGround::new(folder.path()).unwrap(), VaultOptions::default()).unwrap();
    let vault = world.vault().unwrap();
    let kept = Kept::default();
    let back_up = || vault.backups().create(&kept, &NewBackup::default(), &mut |_| ()).unwrap();
    let [stays, leaves, writes] = std::array::from_fn(|_| Player::join(vault));
    stays.say(vault, &leaves);
    leaves.say(vault, &stays);
    writes.say(vault, &stays);
    world.keep_files().unwrap();
    back_up();
    // Before anything is forgotten all of it is reached by the backup and the present keys: else what follows proves nothing.
    let everybody = [&stays, &leaves, &writes].iter().flat_map(|player| player.all()).collect();
    let report = close(&with_backups(world.seize_present(0).unwrap(), &kept));
    judge(&report, &everybody, &Default::default())
        .unwrap_or_else(|leak| panic!("{leak}: {}", report.counts));

    vault.erase(&[leaves.id.as_str()]).unwrap();
    let forgotten = writes.content[1].clone();
    vault.subject(writes.id.as_str()).unwrap().saves().forget_slot("game", forgotten.as_str()).unwrap();
    let late = Player::join(vault);
    world.keep_files().unwrap();
    back_up();
    world.keep_files().unwrap();

    // The first backup is one of the bytes that were ever written; so are all old pages.
    let report = close(&with_backups(world.seize().unwrap(), &kept));
    let mut living: Vec<Canary> = [stays.all(), writes.all(), late.all()].concat();
    let mut gone = leaves.all();
    // What was said to whoever left, under both leaves, went with them.
    gone.extend([
        stays.content[4].clone(),
        writes.content[1].clone(),
        writes.content[2].clone(),
        leaves.id.clone(),
    ]);
    living.retain(|canary| !gone.contains(canary));
    // The newcomer has not said anything.
    living.retain(|canary| !late.content[3..].contains(canary));
    let (living, gone) = (living.into_iter().collect(), gone.into_iter().collect());
    judge(&report, &living, &gone).unwrap_or_else(|leak| panic!("{leak}: {}", report.counts));
    println!(
        "assured: backups and every page ever written: 0 erased reached in {} trials",
        report.counts.trials()
    );
}
