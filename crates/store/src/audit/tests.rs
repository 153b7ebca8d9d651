//! The log over files in memory that fail, tear and are changed at will.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use oubliette_crypto::VaultId;

use super::fuzz::sample;
use super::head::HEAD;
use super::log::{Log, Sizes};
use super::medium::{Medium, Memory};
use super::record::{AuditEntry, AuditRecord};
use super::verify::check;
use super::{AuditFilter, AuditKind, AuditOutcome};
use crate::VaultError;
use crate::options::SystemClock;
use crate::page::Page;

const VAULT: VaultId = VaultId([1; 16]);
const SMALL: Sizes = Sizes { file: 4096, step: 8192 };

/// Files in memory with switches.
#[derive(Default)]
struct Files {
    memory: Memory,
    syncs: AtomicU64,
    /// How much of the newest file was there at the last sync.
    synced: AtomicU64,
    /// 0 works, 1 full where room is made, 2 every write fails, 3 every sync fails.
    fault: AtomicU32,
}

impl Files {
    fn all(&self, number: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.memory.length(number).unwrap() as usize];
        self.memory.read(number, 0, &mut bytes).unwrap();
        bytes
    }
    fn with(number: u64, bytes: &[u8]) -> Arc<Self> {
        let files = Arc::new(Self::default());
        files.memory.create(number, bytes, 0).unwrap();
        files
    }
    fn fault(&self, which: u32, kind: io::ErrorKind) -> io::Result<()> {
        if self.fault.load(Ordering::SeqCst) == which { Err(kind.into()) } else { Ok(()) }
    }
}

impl Medium for Arc<Files> {
    fn numbers(&self) -> io::Result<Vec<u64>> {
        self.memory.numbers()
    }
    fn create(&self, number: u64, head: &[u8], length: u64) -> io::Result<()> {
        self.fault(1, io::ErrorKind::StorageFull)?;
        self.memory.create(number, head, length)
    }
    fn length(&self, number: u64) -> io::Result<u64> {
        self.memory.length(number)
    }
    fn read(&self, number: u64, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.memory.read(number, at, into)
    }
    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.iter().all(|byte| *byte == 0) {
            self.fault(1, io::ErrorKind::StorageFull)?;
        }
        self.fault(2, io::ErrorKind::Other)?;
        self.memory.write(number, at, bytes)
    }
    fn sync(&self, number: u64) -> io::Result<()> {
        self.fault(3, io::ErrorKind::Other)?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        // As long as a disk takes, so that writers pile up behind it.
        std::thread::yield_now();
        self.synced.store(self.memory.length(number)?, Ordering::SeqCst);
        self.memory.sync(number)
    }
    fn place(&self, number: u64) -> String {
        format!("file {number}")
    }
}

fn open(files: &Arc<Files>, sizes: Sizes) -> Arc<Log> {
    Log::open(Box::new(Arc::clone(files)), VAULT, Arc::new(SystemClock), sizes, true).unwrap()
}

fn entry(n: u64) -> AuditEntry {
    AuditEntry { status: if n.is_multiple_of(3) { 403 } else { 200 }, ..sample(n).entry }
}

fn add(log: &Arc<Log>, n: u64) -> u64 {
    log.begin().unwrap().record(&entry(n)).unwrap()
}

fn faults(files: &Arc<Files>) -> Vec<String> {
    check(files, None, None).unwrap().faults
}

/// Every record, over pages of this size.
fn all(log: &Log, filter: &AuditFilter, limit: usize) -> Vec<AuditRecord> {
    let mut page = Page { limit: Some(limit), cursor: None };
    let mut found = Vec::new();
    loop {
        let listed = log.entries(filter, &page).unwrap();
        found.extend(listed.items);
        page.cursor = listed.next_cursor;
        if page.cursor.is_none() {
            return found;
        }
    }
}

fn opened_as(log: &Log) -> String {
    let records = all(log, &AuditFilter::default(), 1000);
    records.into_iter().rfind(|record| record.entry.kind == AuditKind::Opened).unwrap().entry.note
}

#[test]
fn what_is_recorded_is_found_again_over_files_and_openings() {
    let files = Arc::new(Files::default());
    for round in 0..3 {
        let log = open(&files, SMALL);
        assert_eq!(opened_as(&log), if round == 0 { "new" } else { "closed" });
        (0..50).for_each(|n| assert!(add(&log, n) > 0));
        log.close().unwrap();
        assert!(matches!(log.begin(), Err(VaultError::AuditFailed { .. })));
    }
    let log = open(&files, SMALL);
    assert!(files.memory.numbers().unwrap().len() > 3);
    assert_eq!(faults(&files), Vec::<String>::new());
    let records = all(&log, &AuditFilter::default(), 7);
    assert_eq!(records.len(), 3 * 52 + 1);
    assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq));
    assert!(records.is_sorted_by_key(|record| record.time));
    let refused = AuditFilter { outcome: Some(AuditOutcome::Refused), ..AuditFilter::default() };
    assert_eq!(all(&log, &refused, 1000).len(), 3 * 17);
    let late = AuditFilter { from: Some(records[100].time), ..AuditFilter::default() };
    let expected = records.iter().filter(|record| record.time >= records[100].time).count();
    assert_eq!(all(&log, &late, 9).len(), expected);
    let early = AuditFilter { to: Some(records[100].time), ..AuditFilter::default() };
    assert_eq!(all(&log, &early, 9).len(), records.iter().filter(|r| r.time < records[100].time).count());
}

#[test]
fn writers_share_a_sync_and_nothing_is_told_before_it_is_durable() {
    let files = Arc::new(Files::default());
    let log = open(&files, Sizes::default());
    let before = files.syncs.load(Ordering::SeqCst);
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for n in 0..100 {
                    let seq = add(&log, n);
                    let (_, at) = log.durable();
                    assert!(
                        files.synced.load(Ordering::SeqCst) >= at && seq > 0,
                        "told before it was durable"
                    );
                }
            });
        }
    });
    let syncs = files.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= 801, "{syncs}");
    assert_eq!(faults(&files), Vec::<String>::new());
    assert_eq!(all(&log, &AuditFilter::default(), 1000).len(), 801);
}

#[test]
fn an_operation_that_was_not_recorded_shows_at_the_next_opening() {
    let files = Arc::new(Files::default());
    let log = open(&files, SMALL);
    drop(log.begin().unwrap());
    log.close().unwrap();
    assert_eq!(opened_as(&open(&files, SMALL)), "not closed");
    let log = open(&files, SMALL);
    log.begin().unwrap().release();
    log.close().unwrap();
    assert_eq!(opened_as(&open(&files, SMALL)), "closed");
}

#[test]
fn a_full_disk_refuses_before_the_operation_and_not_after_it() {
    let files = Arc::new(Files::default());
    let log = open(&files, SMALL);
    files.fault.store(1, Ordering::SeqCst);
    let mut recorded = 0;
    let refused = loop {
        match log.begin() {
            // Whatever was begun is recorded.
            Ok(attempt) => assert!(attempt.record(&entry(recorded)).unwrap() > 0),
            Err(error) => break error,
        }
        recorded += 1;
        assert!(recorded < 1000);
    };
    assert!(matches!(refused, VaultError::DiskFull), "{refused}");
    assert!(recorded > 10, "{recorded}");
    files.fault.store(0, Ordering::SeqCst);
    add(&log, 1);
    assert_eq!(faults(&files), Vec::<String>::new());
}

#[test]
fn after_a_failed_write_or_sync_nothing_is_done_any_more() {
    for fault in [2, 3] {
        let files = Arc::new(Files::default());
        let log = open(&files, SMALL);
        add(&log, 1);
        let begun = log.begin().unwrap();
        files.fault.store(fault, Ordering::SeqCst);
        assert!(matches!(begun.record(&entry(2)), Err(VaultError::AuditFailed { .. })));
        files.fault.store(0, Ordering::SeqCst);
        assert!(matches!(log.begin(), Err(VaultError::AuditFailed { .. })));
        assert!(log.ill().is_some());
        log.close().unwrap();
        let log = open(&files, SMALL);
        assert_eq!(opened_as(&log), "not closed");
        add(&log, 3);
        assert_eq!(faults(&files), Vec::<String>::new());
    }
}

/// A log of `n` records, the last two of them in one group, and where that group begins.
fn with_a_last_group(n: u64) -> (Vec<u8>, usize) {
    let head = super::head::Head {
        vault: VAULT,
        number: 1,
        first: 1,
        time: 0,
        chain: super::record::start(VAULT.as_bytes()),
    };
    let (mut bytes, mut chain, mut last) = (head.encode(), head.chain, 0);
    for seq in 1..=n {
        if seq + 1 == n {
            last = bytes.len();
        }
        let record =
            AuditRecord { group: if seq == n { n.saturating_sub(1).max(1) } else { seq }, ..sample(seq) };
        chain = record.encode_into(&chain, &mut bytes);
    }
    (bytes, last)
}

#[test]
fn what_a_crash_tore_is_taken_off_and_nothing_else() {
    let (whole, last) = with_a_last_group(9);
    let first_sector = last / 512;
    let sectors = whole.len().div_ceil(512) - first_sector;
    for mask in 0..1_u32 << sectors {
        for (shorter, room) in [(false, 0), (false, 700), (true, 0)] {
            let mut torn = whole.clone();
            for sector in (0..sectors).filter(|sector| mask >> sector & 1 == 0) {
                let from = ((first_sector + sector) * 512).max(last);
                let to = ((first_sector + sector + 1) * 512).min(torn.len());
                torn[from..to].fill(0);
            }
            if shorter {
                torn.truncate(torn.len() - torn.iter().rev().take_while(|byte| **byte == 0).count());
            }
            torn.resize(torn.len() + room, 0);
            let files = Files::with(1, &torn);
            assert_eq!(faults(&files), Vec::<String>::new(), "{mask:b} {shorter}");
            let log = open(&files, Sizes::default());
            let kept = all(&log, &AuditFilter::default(), 1000);
            let opened = kept.iter().position(|record| record.entry.note == "not closed").unwrap();
            assert!((7..=9).contains(&opened), "{mask:b}: {opened}");
            assert_eq!(opened == 9, torn[..whole.len().min(torn.len())] == whole[..], "{mask:b}");
            add(&log, 1);
            assert_eq!(faults(&files), Vec::<String>::new(), "{mask:b}");
        }
    }
}

#[test]
fn a_damaged_byte_is_named_and_hides_no_more_than_two_records() {
    let (whole, _) = with_a_last_group(6);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let files = Files::with(1, &damaged);
        // Without the head nobody knows what the first record follows.
        assert_eq!(faults(&files).len(), if at < HEAD { 2 } else { 1 }, "byte {at}");
        let log = open(&files, Sizes::default());
        assert_eq!(files.memory.numbers().unwrap(), [1, 2], "byte {at}: the log goes on in a new file");
        add(&log, 1);
        log.close().unwrap();
        assert!(!faults(&files).is_empty(), "byte {at}: said for as long as the file is there");
        assert_eq!(files.all(1), damaged, "byte {at}: evidence is left");
        let kept: BTreeSet<u64> =
            all(&log, &AuditFilter::default(), 1000).iter().map(|record| record.seq).collect();
        let lost = (1..=6).filter(|seq| !kept.contains(seq)).count();
        assert!(lost <= 2, "byte {at}: {lost}");
        assert!(kept.len() >= 4 + 3, "byte {at}: {kept:?}");
    }
}

#[test]
fn removed_swapped_and_repeated_records_and_files_are_named() {
    let (whole, _) = with_a_last_group(6);
    let length = (whole.len() - HEAD) / 6;
    let record = |n: usize| &whole[HEAD + n * length..HEAD + (n + 1) * length];
    let head = &whole[..HEAD];
    let orders: [&[usize]; 4] =
        [&[0, 2, 3, 4, 5], &[0, 2, 1, 3, 4, 5], &[0, 1, 1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]];
    for order in orders {
        let bytes = [head, &order.iter().map(|n| record(*n)).collect::<Vec<_>>().concat()].concat();
        assert!(!faults(&Files::with(1, &bytes)).is_empty(), "{order:?}");
    }
    let files = Arc::new(Files::default());
    let log = open(&files, SMALL);
    (0..100).for_each(|n| assert!(add(&log, n) > 0));
    let numbers = files.memory.numbers().unwrap();
    for missing in &numbers {
        let fewer = Arc::new(Files::default());
        for number in numbers.iter().filter(|number| *number != missing) {
            fewer.memory.create(*number, &files.all(*number), 0).unwrap();
        }
        let report = check(&fewer, None, None).unwrap();
        match *missing {
            1 => assert!(report.notes.len() == 1 && report.faults.is_empty(), "{report:?}"),
            // What was cut off at the end shows only to whoever noted the hash.
            last if last == numbers.len() as u64 => assert!(report.last < 101),
            _ => assert_eq!(report.faults.len(), 1, "{report:?}"),
        }
    }
}

/// Made by `vectors/audit.py` from the written format alone.
#[test]
fn the_frozen_file_is_read_for_as_long_as_version_1_is() {
    let text = include_str!("../../vectors/audit.hex");
    let hex: String = text.split_whitespace().collect();
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    let files = Files::with(1, &bytes);
    assert_eq!(faults(&files), Vec::<String>::new());
    let (mut again, _) = with_a_last_group(0);
    let mut chain = super::record::start(VAULT.as_bytes());
    for seq in 1..=2 {
        chain = sample(seq).encode_into(&chain, &mut again);
    }
    assert_eq!(again, bytes);
}
