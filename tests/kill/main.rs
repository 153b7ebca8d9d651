//! The real service is killed under load, again and again: what was acknowledged is there, what was forgotten stays
//! forgotten, and what was under way happened whole or not at all.
//!
//! `OUBLIETTE_KILLS` asks for more than the 25 kills of every day.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/server.rs"]
mod server;

mod eraser;
mod model;
mod work;

use eraser::Eraser;
use server::Server;
use std::{
    env, thread,
    time::{Duration, Instant},
};
use work::{Dice, Worker};

const ROUNDS: u64 = 25;
const WORKERS: u64 = 3;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_forgotten_comes_back() {
    let rounds = env::var("OUBLIETTE_KILLS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    let mut workers: Vec<Worker> = (0..WORKERS).map(Worker::new).collect();
    let mut eraser = Eraser::new(&data);
    let mut dice = Dice::new(7);

    for round in 0..rounds {
        let server = Server::start(&data);
        let client = server.client();
        workers.iter_mut().for_each(|worker| worker.settle(&client, round));
        eraser.settle(&client, round);

        let live = Duration::from_millis(50 + dice.below(450));
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| worker.work(&client));
            }
            scope.spawn(|| eraser.work(&client));
            let until = Instant::now() + live;
            thread::sleep(until.saturating_duration_since(Instant::now()));
            let ended = server.kill();
            assert!(!ended.stderr.contains("internal error"), "round {round}: {}", ended.stderr);
        });
    }

    let server = Server::start(&data);
    let client = server.client();
    workers.iter_mut().for_each(|worker| worker.settle(&client, rounds));
    eraser.settle(&client, rounds);
    let fsck = server::run(&data, &["fsck"]);
    assert_eq!(fsck.code, Some(0), "{fsck:?}");
    let stopped = server.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");

    let acknowledged: u64 = workers.iter().map(|worker| worker.acknowledged).sum();
    println!(
        "assured: kills: {rounds}, acknowledged changes held: {acknowledged}, people who stay erased: {}, bad: 0",
        eraser.erased()
    );
    assert!(acknowledged > rounds && eraser.erased() > 0, "the load was too thin to prove anything");
}
