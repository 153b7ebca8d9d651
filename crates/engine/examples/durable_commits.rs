//! How much of bare sled's durable speed the row engine keeps: `durable_commits [--filter] [folder]`.
//!
//! Bare is one sled insert, `flush` and fdatasync of its log; ours is a commit of one row. They take turns, since a disk's
//! mood changes. Then the same with 64 callers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement, not a library"
)]

use std::fs::File;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use oubliette_crypto::AnchorKey;
use oubliette_engine::{Batch, Engine, SledEngine, SledOptions, deny_sync_file_range};

const COMMITS: u32 = 1500;
const CALLERS: u32 = 64;
const EACH: u32 = 100;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.first().is_some_and(|first| first == "--filter");
    if filter {
        deny_sync_file_range().unwrap();
        arguments.remove(0);
    }
    let base = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = base.join(format!("durable-commits-{}", std::process::id()));
    let bare = sled::Config::new().path(folder.join("bare")).flush_every_ms(None).open().unwrap();
    let log = File::open(folder.join("bare/db")).unwrap();
    let key = AnchorKey::generate().unwrap();
    let ours =
        SledEngine::open(&folder.join("rows"), &folder.join("anchor"), &key, SledOptions::default()).unwrap();

    let (mut bare_times, mut our_times) = (Vec::new(), Vec::new());
    for n in 0..COMMITS {
        let (key, value) = row(n);
        bare_times.push(timed(|| {
            bare.insert(&key, value.as_slice()).unwrap();
            bare.flush().unwrap();
            log.sync_data().unwrap();
        }));
        our_times.push(timed(|| put(&ours, n)));
    }
    let (bare_total, our_total) = (bare_times.iter().sum::<Duration>(), our_times.iter().sum::<Duration>());
    let (bare_median, our_median) = (median(bare_times), median(our_times));
    println!("filter {filter}");
    println!("bare sled, one caller:  {:?} each, median {bare_median:?}", bare_total / COMMITS);
    println!("row engine, one caller: {:?} each, median {our_median:?}", our_total / COMMITS);
    let ratio = |bare: Duration, ours: Duration| bare.as_secs_f64() / ours.as_secs_f64();
    println!(
        "speed against bare: mean {:.2}, median {:.2}",
        ratio(bare_total, our_total),
        ratio(bare_median, our_median)
    );

    let alone = f64::from(COMMITS) / our_total.as_secs_f64();
    let start = Instant::now();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let ours = &ours;
            scope.spawn(move || (0..EACH).for_each(|n| put(ours, 1_000_000 + caller * EACH + n)));
        }
    });
    let together = f64::from(CALLERS * EACH) / start.elapsed().as_secs_f64();
    println!(
        "{CALLERS} callers: {together:.0} commits/s, {:.1} times one caller's {alone:.0}",
        together / alone
    );
    ours.close().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

fn row(n: u32) -> (Vec<u8>, Vec<u8>) {
    let scattered = n.wrapping_mul(0x9e37_79b1).to_be_bytes();
    ([scattered.as_slice(), &[7; 26]].concat(), vec![n as u8; 300])
}

fn put(engine: &SledEngine, n: u32) {
    let (key, value) = row(n);
    let mut batch = Batch::new();
    batch.put(key, value);
    engine.commit(batch).unwrap();
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
