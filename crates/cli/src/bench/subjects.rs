//! What grows with the number of people: the cost of a deletion, disk, memory, and opening.

use std::path::Path;
use std::time::Instant;

use oubliette_crypto::{Branch, Class, Leaf, Path as Branches};
use oubliette_keyring::UserId;
use oubliette_store::{Vault, VaultOptions};

use super::opening::Openings;
use super::plane::{Plane, disk, resident, setup, written};

use super::{BenchError, Effort, Figure, memory};

/// People erased by one deletion together.
const TOGETHER: u64 = 1_000;
/// Lone deletions at each size: enough for a mean.
const LONE: u64 = 50;
const MIB: f64 = (1 << 20) as f64;

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    let sizes: &[u64] = if effort.quick { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let dir = dir.join("vault");
    Vault::create(&dir, VaultOptions::default())?.close()?;
    let mut fresh = Vec::new();
    for &size in sizes {
        let plane = Plane::open(&dir)?;
        let at = At { size, plane: &plane };
        at.load(tell)?;
        at.lone_erasures(tell)?;
        at.lone_cuts(tell)?;
        if size > TOGETHER {
            at.erasure_together(tell)?;
        }
        tell(at.fact("resident memory of the process that loaded them, MiB", resident() as f64 / MIB));
        plane.keyring.close();
        let each = disk(&dir) as f64 / size as f64;
        tell(at.fact("bytes on disk each, both copies", each).on("disk", size as f64));
        let openings = Openings::measure(&dir, effort.rounds)?;
        tell(at.fact("first opening after that, s", openings.first));
        let ratio = vec![openings.ratio()];
        tell(Figure::spread(&at.name("opening the vault, s"), openings.vault));
        let name = at.name("opening the vault / its bare sled databases");
        let memory = memory::of_fresh_process(effort, &dir, size)? as f64 / MIB;
        tell(at.fact("resident memory, MiB", memory).on("resident", size as f64));
        fresh.push(memory);
        // At small sizes both are a few syncs of small files, of which the vault has more.
        tell(if size < 1_000_000 {
            Figure::spread(&name, ratio)
        } else {
            Figure::at_most(&name, ratio, 1.5)
        });
    }
    // The configured caches are full at the first size already; the rest is sled's table of its nodes.
    let gained = fresh.last().zip(fresh.first()).map(|(last, first)| last - first);
    let name = "resident memory gained from the first to the last size, MiB";
    tell(Figure::at_most(name, gained.into_iter().collect(), 256.0));
    Ok(())
}

/// A key plane with so many people in it.
struct At<'a> {
    size: u64,
    plane: &'a Plane,
}

impl At<'_> {
    fn load(&self, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
        let (before, clock) = (written(), Instant::now());
        // Lazily: a list of a million names would count as memory of the vault.
        let created = self.plane.keyring.bulk_create((0..self.size).map_while(|n| user(n).ok()))?;
        tell(self.fact("loading, s", clock.elapsed().as_secs_f64()));
        let each = (written() - before) as f64 / created.max(1) as f64;
        tell(self.fact("bytes written by loading, each, both copies", each));
        self.plane.counts.take();
        Ok(())
    }

    /// One person after the other: the commit that blocks, and the one that forgets.
    fn lone_erasures(&self, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
        let mut costs = Costs::default();
        for n in 0..LONE {
            let user = user(self.nth(n, LONE, 0))?;
            costs.measure(self.plane, || self.plane.keyring.erase(&[user]).map(drop))?;
            self.sweep()?;
        }
        costs.tell(self, "erasing one person", tell);
        Ok(())
    }

    /// One message, one version: one commit.
    fn lone_cuts(&self, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
        let mut costs = Costs::default();
        for n in 0..LONE {
            let subject = self.plane.keyring.subject(&user(self.nth(n, LONE, 1))?)?;
            let item = Leaf { class: Class::Chat, compartment: 1, branch: Branch::Items, seq: n + 1 };
            let path = Branches::leaf(&item).map_err(setup)?;
            costs.measure(self.plane, || self.plane.keyring.cut(&subject, vec![path]).map(drop))?;
        }
        costs.tell(self, "deleting one item", tell);
        Ok(())
    }

    fn erasure_together(&self, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
        let users = (0..TOGETHER).map(|n| user(self.nth(n, TOGETHER, 2))).collect::<Result<Vec<_>, _>>()?;
        let (bytes, clock) = (written(), Instant::now());
        self.plane.keyring.erase(&users)?;
        let all = (written() - bytes) as f64 / 1024.0 / TOGETHER as f64;
        let each = clock.elapsed().as_secs_f64() * 1e3 / TOGETHER as f64;
        let pages = self.plane.counts.take().last().copied().unwrap_or_default();
        let name = self.name("erasing 1,000 together: KiB of pages each, the commit that forgets");
        tell(Figure::at_most(&name, vec![pages as f64 / TOGETHER as f64], 6.0));
        tell(self.fact("erasing 1,000 together: KiB written in all, each", all));
        tell(self.fact("erasing 1,000 together: ms each", each));
        self.sweep()
    }

    /// What the sweeper says when it is done; there are no rows here.
    fn sweep(&self) -> Result<(), BenchError> {
        let swept: Vec<_> = self.plane.keyring.sweep_queue().iter().map(|entry| entry.handle).collect();
        Ok(self.plane.keyring.swept(&swept)?)
    }

    /// The n-th of `all` people for one of several purposes, none of whom was there at the size before, which was a tenth.
    fn nth(&self, n: u64, all: u64, purpose: u64) -> u64 {
        let before = self.size / 10;
        before + n * ((self.size - before) / all) + purpose
    }

    fn name(&self, what: &str) -> String {
        format!("{} people: {what}", self.size)
    }

    fn fact(&self, what: &str, value: f64) -> Figure {
        Figure::fact(&self.name(what), value)
    }
}

/// What lone deletions cost.
#[derive(Default)]
struct Costs {
    /// KiB of pages in the commit that forgets, which is the last.
    pages: Vec<f64>,
    /// Milliseconds of the whole call.
    ms: Vec<f64>,
    /// KiB that the kernel had to write for it, both copies, cell and ledger.
    written: Vec<f64>,
    /// KiB of pages in the commits before.
    before: Vec<f64>,
}

impl Costs {
    fn measure(
        &mut self,
        plane: &Plane,
        deletion: impl FnOnce() -> Result<(), oubliette_keyring::KeyringError>,
    ) -> Result<(), BenchError> {
        plane.counts.take();
        let (bytes, clock) = (written(), Instant::now());
        deletion()?;
        self.ms.push(clock.elapsed().as_secs_f64() * 1e3);
        self.written.push((written() - bytes) as f64 / 1024.0);
        let commits = plane.counts.take();
        if let Some((last, before)) = commits.split_last() {
            self.pages.push(*last as f64);
            self.before.push(before.iter().sum::<usize>() as f64);
        }
        Ok(())
    }

    fn tell(self, at: &At<'_>, what: &str, tell: &mut dyn FnMut(Figure)) {
        let name = |figure: &str| at.name(&format!("{what}: {figure}"));
        let person = self.before.iter().any(|before| *before > 0.0);
        let curve = |of_person, of_item| if person { of_person } else { of_item };
        let x = at.size as f64;
        tell(Figure::mean_at_most(&name("KiB of pages, the commit that forgets"), self.pages, 12.0));
        if person {
            tell(Figure::spread(&name("KiB of pages, the commit that blocks"), self.before));
        }
        let written = Figure::spread(&name("KiB written in all, both copies, cell and ledger"), self.written);
        tell(written.on(curve("person-written", "item-written"), x));
        tell(Figure::spread(&name("ms"), self.ms).on(curve("person-ms", "item-ms"), x));
    }
}

fn user(n: u64) -> Result<UserId, BenchError> {
    UserId::new(format!("player-{n}")).map_err(setup)
}
