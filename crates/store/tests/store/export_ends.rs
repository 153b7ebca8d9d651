//! What ends an export before its end: a deletion, an erasure, a withdrawn consent, a receiver who fails. What is there then is no ZIP, and
//! nothing leaves that was acknowledged as erased.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use oubliette_engine::{BlobRef, BlobWriter, Blobs, EngineError};
use oubliette_store::{
    Body, ConsentGiven, ErasureOutcome, ExportOptions, Language, NewMessage, PutOptions, RecordOptions,
    RecordRule, Subject, Vault, VaultError, verify_export,
};

use crate::export::exported;
use crate::world::{World, noise, person, put, text};

/// Does something once so many bytes have come, and takes nothing after an acknowledgement.
struct At<'a> {
    written: Vec<u8>,
    after: usize,
    act: Option<Box<dyn FnOnce() + 'a>>,
    acknowledged: &'a AtomicBool,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.acknowledged.load(SeqCst), "bytes left after the erasure was acknowledged");
        self.written.extend_from_slice(bytes);
        if self.written.len() >= self.after
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a deletion in another thread while the export waits for its receiver; answers how the export ended.
fn ended_by(
    subject: &Subject,
    after: usize,
    delete: impl FnOnce() -> Result<(), VaultError> + Send,
) -> VaultError {
    let acknowledged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let export = subject.export(&ExportOptions::default()).unwrap();
        let watch = export.watch();
        let act = || {
            scope.spawn(|| {
                // A machine that stands still for seconds may make it give up waiting; then nothing was acknowledged.
                match delete() {
                    Err(VaultError::Busy) => {}
                    deleted => acknowledged.store(deleted.is_ok(), SeqCst),
                }
            });
            while !watch.cancelled() {
                std::thread::yield_now();
            }
        };
        let mut to = At { written: Vec::new(), after, act: Some(Box::new(act)), acknowledged: &acknowledged };
        let ended = export.write(&mut to).unwrap_err();
        assert!(to.act.is_none() && to.written.len() >= after);
        assert!(verify_export(Cursor::new(&to.written)).is_err(), "no program takes it for whole");
        ended
    })
}

fn erase(vault: &Vault, user: &str) -> Result<(), VaultError> {
    let outcomes = vault.erase(&[user])?;
    assert!(matches!(outcomes[0], ErasureOutcome::Erased(_)));
    Ok(())
}

#[test]
fn a_deletion_ends_the_export_of_what_it_deletes() {
    let (mut world, vault) = World::new();
    drop(vault);
    world
        .policy
        .records
        .insert("orders".into(), RecordRule { consent: Some("shop".into()), ..RecordRule::default() });
    let vault = world.open();
    let ann = person(&vault, "ann");
    put(&ann, "other", &noise(10, 1));
    let slot = || put(&ann, "slot", &noise(2_000_000, 1));
    slot();
    let ended = ended_by(&ann, 1_000_000, || ann.saves().forget_slot("doom", "slot").map(drop));
    assert!(matches!(ended, VaultError::Forgotten), "{ended}");
    let version = slot().version;
    let ended = ended_by(&ann, 1_000_000, || ann.saves().forget_version("doom", "slot", version).map(drop));
    assert!(matches!(ended, VaultError::Forgotten), "{ended}");

    ann.consents().give("shop", &ConsentGiven::default()).unwrap();
    for withdraw in [false, true] {
        let record = noise(2_000_000, 2);
        ann.records().put("orders", "1", &RecordOptions::default(), &mut record.as_slice()).unwrap();
        let ended = ended_by(&ann, 1_000_000, || {
            if withdraw {
                ann.consents().withdraw("shop").map(drop)
            } else {
                ann.records().forget("orders", "1").map(drop)
            }
        });
        assert!(matches!(ended, VaultError::Forgotten), "{ended}");
    }
    assert!(exported(&ann).values().any(|content| *content == noise(10, 1)), "the next one is whole");

    slot();
    let ended = ended_by(&ann, 1_000_000, || erase(&vault, "ann"));
    assert!(
        matches!(
            ended,
            VaultError::Forgotten | VaultError::SubjectBlocked | VaultError::SubjectErased { .. }
        ),
        "{ended}"
    );
    assert!(matches!(ann.export(&ExportOptions::default()), Err(VaultError::SubjectErased { .. })));
}

#[test]
fn the_erasure_of_a_peer_ends_an_export_with_their_words_on_their_way() {
    let (_world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    for n in 0..40 {
        let body = Body::Bytes { content_type: "image/png".into(), bytes: noise(60_000, n) };
        bob.chats().append("ann", &[NewMessage { body, ..text("") }]).unwrap();
    }
    ann.chats().append("bob", &[text("ann's own")]).unwrap();
    let ended = ended_by(&ann, 1_000_000, || erase(&vault, "bob"));
    assert!(matches!(ended, VaultError::Forgotten), "{ended}");
    let files = exported(&ann);
    let json: Vec<_> = files.values().filter_map(|file| std::str::from_utf8(file).ok()).collect();
    assert!(
        json.iter().any(|file| file.contains("ann's own")) && !json.iter().any(|file| file.contains("bob"))
    );
}

#[test]
fn an_export_that_was_begun_before_the_erasure_writes_nothing_after_it() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    let export = ann.export(&ExportOptions::default()).unwrap();
    assert!(!export.watch().cancelled());
    erase(&vault, "ann").unwrap();
    assert!(export.watch().cancelled() && !format!("{:?}", export.watch()).contains("ann"));
    let mut written = Vec::new();
    assert!(matches!(export.write(&mut written), Err(VaultError::SubjectErased { .. })));
    assert!(written.is_empty());
}

#[test]
fn promise_data_stays_in_its_region_unless_consent_is_given() {
    let (_world, vault) = World::of(Default::default(), Some("cn-east"));
    let ann = person(&vault, "ann");
    let to = |region: &str| ExportOptions { region: Some(region.to_owned()), ..ExportOptions::default() };
    assert!(ann.export(&to("cn-east")).unwrap().write(&mut Vec::new()).is_ok());
    assert!(matches!(ann.export(&to("eu")), Err(VaultError::RegionMismatch)));
    for bad in ["", &"x".repeat(65)] {
        assert!(matches!(ann.export(&to(bad)), Err(VaultError::Invalid { field: "region", .. })));
    }
    ann.consents().give("cross_border", &ConsentGiven::default()).unwrap();
    let mut zip = Vec::new();
    ann.export(&to("eu")).unwrap().write(&mut zip).unwrap();
    let person = &crate::export::unpack(zip)["person.json"];
    let person: serde_json::Value = serde_json::from_slice(person).unwrap();
    assert_eq!((&person["taken_to"], &person["vault_region"]), (&"eu".into(), &"cn-east".into()));
    // Withdrawn while it is on its way.
    (0..3).for_each(|n| drop(put(&ann, "slot", &noise(200_000, n))));
    let withdraw = || {
        ann.consents().withdraw("cross_border").unwrap();
    };
    let never = AtomicBool::new(false);
    let mut out =
        At { written: Vec::new(), after: 100_000, act: Some(Box::new(withdraw)), acknowledged: &never };
    assert!(matches!(ann.export(&to("eu")).unwrap().write(&mut out), Err(VaultError::RegionMismatch)));
    assert!(out.written.len() < 400_000 && verify_export(Cursor::new(out.written)).is_err());
}

#[test]
fn a_receiver_who_fails_is_told() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "slot", &noise(100_000, 1));
    for room in [0, 10, 5_000, 60_000] {
        let ended = ann.export(&ExportOptions::default()).unwrap().write(&mut Full(room));
        assert!(matches!(ended, Err(VaultError::Output(_))), "{ended:?}");
    }
    assert!("fr".parse::<Language>().is_err() && "zh".parse::<Language>().is_ok());
}

/// An export is whole or is not taken for one: cut anywhere, or changed anywhere.
#[test]
fn a_cut_or_changed_export_is_found() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "slot", &noise(3_000, 1));
    let (zip, _) = crate::export::export(&ann, Language::English);
    for length in (0..zip.len()).step_by(97) {
        assert!(verify_export(Cursor::new(&zip[..length])).is_err(), "cut at {length}");
    }
    let name = b"saves/00001/1";
    let start = zip.windows(name.len()).position(|window| window == name).unwrap();
    let mut changed = zip.clone();
    changed[start + 200] ^= 1;
    assert!(verify_export(Cursor::new(changed)).is_err());
}

/// Blobs that count what is read of them.
struct Counted(Arc<dyn Blobs>, Arc<AtomicU64>);

impl Blobs for Counted {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        self.0.create(expected)
    }
    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.1.fetch_add(buf.len() as u64, SeqCst);
        self.0.read_at(blob, offset, buf)
    }
    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        self.0.len(blob)
    }
    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError> {
        self.0.delete(blob)
    }
    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.0.disk_bytes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.0.close()
    }
}

/// Counts, and looks at each piece how much was read and is not written yet: that much is in memory, since noise does not shrink.
struct Flat {
    written: u64,
    read: Arc<AtomicU64>,
    most: u64,
}

impl Write for Flat {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.most =
            self.most.max(self.read.load(SeqCst).saturating_sub(self.written)).max(bytes.len() as u64);
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As many bytes as asked for that do not shrink, made as they are read.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(usize::try_from(self.0).unwrap());
        for (word, n) in buf[..length].chunks_mut(8).zip(0u64..) {
            let random = (self.0 ^ n)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word.copy_from_slice(&random.to_le_bytes()[..word.len()]);
        }
        self.0 -= length as u64;
        Ok(length)
    }
}

#[test]
fn a_large_save_is_never_whole_in_memory() {
    let (mut world, vault) = World::new();
    drop(vault);
    let read = Arc::new(AtomicU64::new(0));
    world.blobs = Arc::new(Counted(world.blobs.clone(), read.clone()));
    let vault = world.open();
    let ann = person(&vault, "ann");
    ann.saves().put("doom", "big", &PutOptions::default(), &mut Noise(64 << 20)).unwrap();
    read.store(0, SeqCst);
    let mut flat = Flat { written: 0, read, most: 0 };
    let report = ann.export(&ExportOptions::default()).unwrap().write(&mut flat).unwrap();
    assert!(report.bytes > 64 << 20 && flat.written > 63 << 20, "{report:?} {}", flat.written);
    assert!(flat.most < 1 << 20, "{} bytes were between reading and writing", flat.most);
}
