//! Why a vault like this one is needed: the usual design, and somebody who kept what it wrote.
//!
//! Run: `cargo run --example why_deleting_the_row_is_not_enough`. It works in a temporary folder and asserts what it shows. The cipher of
//! the usual design is this project's own: it is not the cipher that fails.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example says what it does and stops where it is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette::{PutOptions, SubjectFacts, VaultError, VaultOptions};
use oubliette_adversary::{Canary, FolderGround, Tape, TapeEngine, World, close, judge};
use oubliette_crypto::object::{open_small, seal_small};
use oubliette_crypto::{AnchorKey, Branch, Class, Handle, Kind, ObjectContext, ObjectKey, Policy, VaultId};
use oubliette_engine::{Batch, Engine, SledEngine, SledOptions};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let people = ["ada", "grace"];
    let texts: BTreeMap<&str, Canary> =
        people.iter().map(|user| Ok((*user, Canary::fresh()?))).collect::<Outcome<_>>()?;

    println!("THE USUAL DESIGN: a key for each user, wrapped under a master key, in a row of its own.");
    let dir = tempfile::tempdir()?;
    let shop = Usual::open(dir.path())?;
    for (user, text) in &texts {
        shop.store(user, text.as_str())?;
    }
    println!("  ada and grace stored something. Last night's backup holds the four rows.");
    let backup = shop.rows()?;
    shop.shred("ada")?;
    assert!(shop.load("ada").is_err() && shop.load("grace")? == texts["grace"].as_str());
    println!(
        "  ada left. Her key's row and her text's row are deleted; the service cannot read her text any more."
    );

    // Somebody finds the backup tape and is shown the server: they have the rows of last night and the master key of today.
    let secrets = vec![fs::read(&shop.master_key)?];
    assert!(opened(&shop.rows()?, &secrets).iter().all(|text| *text != texts["ada"]));
    let read = opened(&backup, &secrets);
    assert!(read.contains(&texts["ada"]) && read.contains(&texts["grace"]));
    println!("  With that backup and today's master key (it must live on, for grace): ADA'S TEXT IS READ.");
    // No backup? A replica, a snapshot, a flash disk's spare blocks and the database's own log keep rows as well.
    let read = opened(&shop.tape.evidence().rows, &secrets);
    assert!(read.contains(&texts["ada"]));
    println!(
        "  With whatever else kept the deleted row (replica, log, snapshot, spare blocks): ADA'S TEXT IS READ."
    );
    println!("  Deleting a wrapped key deletes one copy of it. The key that opens all copies stays.\n");

    println!("OUBLIETTE: the same two people, and somebody who keeps much more.");
    let dir = tempfile::tempdir()?;
    let mut world = World::create(FolderGround::new(dir.path())?, VaultOptions::default())?;
    for (user, text) in &texts {
        world.vault()?.put_subject(user, &SubjectFacts::default(), false)?;
        let saves = world.vault()?.subject(user)?.saves();
        saves.put("letters", "to-myself", &PutOptions::default(), &mut text.as_str().as_bytes())?;
    }
    world.back_up()?;
    world.keep_files()?;
    println!(
        "  ada and grace stored something. Last night's backup is there, and every file, page and row ever written."
    );
    let before = close(&world.seize()?);
    assert!(texts.values().all(|text| before.reached.contains(text)));
    println!("  Before: with today's secrets both texts are read, as they should be. ({})", before.counts);
    world.hold("ada")?;
    world.vault()?.erase(&["ada"])?;
    println!(
        "  ada left. A few pages were rewritten, and the 32 bytes on which all older ones hang were overwritten."
    );
    world.restore()?;
    assert!(matches!(world.vault()?.subject("ada"), Err(VaultError::SubjectErased { .. })));
    println!("  Last night's backup was even put back: the service still answers that she was erased.");

    let after = close(&world.seize()?);
    let [ada, grace] = ["ada", "grace"].map(|user| BTreeSet::from([texts[user].clone()]));
    judge(&after, &grace, &ada)?;
    println!(
        "  After: everything ever written, and every secret of today: grace's text is read, ADA'S IS NOT."
    );
    println!("  ({})", after.counts);
    Ok(())
}

/// A store as it is often built: honest, careful, and not able to forget.
struct Usual {
    master_key: PathBuf,
    engine: TapeEngine,
    tape: Arc<Tape>,
}

impl Usual {
    fn open(folder: &Path) -> Outcome<Self> {
        let master_key = folder.join("master.key");
        fs::write(&master_key, ObjectKey::generate()?.expose())?;
        let options = SledOptions { create: true, ..SledOptions::default() };
        let anchor = AnchorKey::generate()?;
        let rows = SledEngine::open(&folder.join("rows"), &folder.join("anchor"), &anchor, options)?;
        // All that differs from an ordinary database is that somebody takes notes.
        let tape = Arc::new(Tape::new());
        Ok(Self { master_key, engine: TapeEngine::new(Arc::new(rows), tape.clone()), tape })
    }

    fn master(&self) -> Outcome<ObjectKey> {
        Ok(ObjectKey::from_slice(&fs::read(&self.master_key)?)?)
    }

    fn store(&self, user: &str, text: &str) -> Outcome<()> {
        let key = ObjectKey::generate()?;
        let mut batch = Batch::new();
        batch.put(format!("key/{user}"), seal_small(&self.master()?, &CONTEXT, key.expose())?);
        batch.put(format!("text/{user}"), seal_small(&key, &CONTEXT, text.as_bytes())?);
        Ok(self.engine.commit(batch)?)
    }

    fn load(&self, user: &str) -> Outcome<String> {
        let row = |kind: &str| -> Outcome<Vec<u8>> {
            Ok(self.engine.get(format!("{kind}/{user}").as_bytes())?.ok_or("there is no such row")?)
        };
        let key = ObjectKey::from_slice(&open_small(&self.master()?, &CONTEXT, &row("key")?)?)?;
        Ok(String::from_utf8(open_small(&key, &CONTEXT, &row("text")?)?.to_vec())?)
    }

    /// "Crypto-shredding."
    fn shred(&self, user: &str) -> Outcome<()> {
        let mut batch = Batch::new();
        batch.delete(format!("key/{user}"));
        batch.delete(format!("text/{user}"));
        Ok(self.engine.commit(batch)?)
    }

    fn rows(&self) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        Ok(self.engine.current()?)
    }
}

const CONTEXT: ObjectContext = ObjectContext {
    kind: Kind::Small,
    vault: VaultId([0; 16]),
    handle: Handle([0; 16]),
    class: Class::Records,
    branch: Branch::Items,
    compartment: 1,
    seq: 1,
    policy: Policy::None,
};

/// Every secret on every row, and whatever comes out of it on every row again.
fn opened(rows: &[(Vec<u8>, Vec<u8>)], secrets: &[Vec<u8>]) -> BTreeSet<Canary> {
    let mut known = secrets.to_vec();
    let mut found = BTreeSet::new();
    let mut next = 0;
    while let Some(secret) = known.get(next).cloned() {
        next += 1;
        let Ok(key) = ObjectKey::from_slice(&secret) else { continue };
        for plain in rows.iter().filter_map(|(_, sealed)| open_small(&key, &CONTEXT, sealed).ok()) {
            found.extend(Canary::all_in(&plain));
            if !known.contains(&plain) {
                known.push(plain.to_vec());
            }
        }
    }
    found
}
