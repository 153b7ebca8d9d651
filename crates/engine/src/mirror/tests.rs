use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::MemoryPages;

/// A copy whose disk can be pulled out.
#[derive(Default)]
struct Fragile {
    pages: MemoryPages,
    broken: AtomicBool,
}

impl Fragile {
    fn ok(&self) -> Result<&MemoryPages, EngineError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(EngineError::io("writing", "disk")(std::io::Error::from_raw_os_error(5)));
        }
        Ok(&self.pages)
    }
}

impl PageStore for Fragile {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.ok()?.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.ok()?.write(pages)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.ok()?.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.ok()?.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.ok()?.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.ok()?.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.ok()?.close()
    }
}

struct Scene {
    sides: [Arc<Fragile>; 2],
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { sides: Default::default(), folder: tempfile::tempdir().unwrap() }
    }

    fn note(&self) -> PathBuf {
        self.folder.path().join("stale")
    }

    /// As after a restart, with both disks back.
    fn open(&self) -> Mirror {
        self.sides.iter().for_each(|side| side.broken.store(false, Ordering::Relaxed));
        let [a, b] = self.sides.clone();
        Mirror::open(Ok(a), Ok(b), &self.note()).unwrap()
    }

    fn pull(&self, n: usize) {
        self.sides[n].broken.store(true, Ordering::Relaxed);
    }
}

fn page(n: u8) -> (PageId, Box<RawPage>) {
    ([n; 12], Box::new([n; 1024]))
}

fn write(mirror: &Mirror, n: u8) -> Result<(), EngineError> {
    let (id, page) = page(n);
    mirror.write(&[(id, &page)])
}

#[test]
fn either_copy_may_go_and_is_stale_after_a_restart_until_it_is_repaired() {
    for gone in [0, 1] {
        let scene = Scene::new();
        let mirror = scene.open();
        write(&mirror, 1).unwrap();
        assert!(mirror.ill().is_empty());
        scene.pull(gone);
        write(&mirror, 2).unwrap();
        assert_eq!(mirror.ill().len(), 1, "{:?}", mirror.ill());
        assert!(scene.note().exists(), "noted before the acknowledgement");
        mirror.remove(&[[1; 12]]).unwrap();
        assert_eq!(mirror.read(&[2; 12]).unwrap(), Some(page(2).1));
        assert_eq!(mirror.read_copy(&[2; 12], gone).unwrap(), None);
        mirror.mend(&[2; 12], gone, &page(2).1).unwrap();
        assert!(mirror.repair(gone, &mut |_, _| {}).is_err(), "a copy that is gone cannot be repaired");

        let mirror = scene.open();
        assert_eq!(mirror.ill().len(), 1);
        assert_eq!(mirror.read(&[2; 12]).unwrap(), Some(page(2).1));
        write(&mirror, 3).unwrap();
        assert_eq!(mirror.repair(gone, &mut |_, _| {}).unwrap(), 1);
        assert!(mirror.ill().is_empty());
        for n in [2, 3] {
            assert_eq!(mirror.read_copy(&[n; 12], gone).unwrap(), Some(page(n).1));
        }
        assert!(scene.open().ill().is_empty());
    }
}

#[test]
fn with_both_copies_gone_nothing_is_acknowledged() {
    let scene = Scene::new();
    let mirror = scene.open();
    write(&mirror, 1).unwrap();
    scene.pull(0);
    scene.pull(1);
    assert!(matches!(write(&mirror, 2), Err(EngineError::Io { .. })));
    assert!(matches!(write(&mirror, 2), Err(EngineError::Poisoned { .. })));
    assert!(mirror.read(&[1; 12]).is_err());
    assert!(!scene.note().exists(), "neither missed an acknowledged write");
    assert!(scene.open().ill().is_empty());
}

#[test]
fn a_copy_that_does_not_open_is_noted_at_once() {
    let scene = Scene::new();
    let failed = || Err(EngineError::io("opening", "x")(std::io::Error::from_raw_os_error(2)));
    let [a, _] = scene.sides.clone();
    let mirror = Mirror::open(Ok(a), failed(), &scene.note()).unwrap();
    assert_eq!(mirror.ill().len(), 1);
    write(&mirror, 1).unwrap();
    drop(mirror);
    let mirror = scene.open();
    assert_eq!(mirror.repair(1, &mut |_, _| {}).unwrap(), 1);
    assert!(mirror.ill().is_empty());
    assert!(Mirror::open(failed(), failed(), &scene.note()).is_err());
}

#[test]
fn a_page_missing_in_one_copy_is_found_reported_and_mended() {
    for (lacking, other) in [(0, 1), (1, 0)] {
        let scene = Scene::new();
        let mirror = scene.open();
        write(&mirror, 1).unwrap();
        scene.sides[lacking].pages.remove(&[[1; 12]]).unwrap();
        assert_eq!(mirror.read(&[1; 12]).unwrap(), Some(page(1).1));
        assert_eq!(mirror.read(&[9; 12]).unwrap(), None);
        // A read asks `a` first, so what `b` lacks shows to those who ask for its copy.
        assert_eq!(mirror.ill().len(), usize::from(lacking == 0));
        assert_eq!(mirror.read_copy(&[1; 12], lacking).unwrap(), None);
        assert_eq!(mirror.read_copy(&[1; 12], other).unwrap(), Some(page(1).1));
        let mut ids = Vec::new();
        mirror.for_each_id(&mut |id| ids.push(id)).unwrap();
        assert_eq!(ids, [[1; 12]]);
        mirror.mend(&[1; 12], lacking, &page(1).1).unwrap();
        assert!(mirror.ill().is_empty());
        assert_eq!(mirror.read_copy(&[1; 12], lacking).unwrap(), Some(page(1).1));
    }
}

#[test]
fn a_stale_copy_is_not_preferred() {
    let scene = Scene::new();
    Mirror::note_stale(&scene.note(), 0).unwrap();
    // A damaged page in the stale copy, under an id that the other has whole.
    scene.sides[0].pages.write(&[([4; 12], &[0xee; 1024])]).unwrap();
    scene.sides[1].pages.write(&[([4; 12], &page(4).1)]).unwrap();
    assert_eq!(scene.open().read(&[4; 12]).unwrap(), Some(page(4).1));
}

#[test]
fn a_damaged_note_has_both_copies_looked_through() {
    let scene = Scene::new();
    std::fs::write(scene.note(), b"\xff?").unwrap();
    let mirror = scene.open();
    assert_eq!(mirror.ill().len(), 2);
    write(&mirror, 1).unwrap();
    scene.sides[0].pages.write(&[([2; 12], &page(2).1)]).unwrap();
    scene.sides[1].pages.write(&[([3; 12], &page(3).1)]).unwrap();
    for n in [0, 1] {
        assert_eq!(mirror.repair(n, &mut |_, _| {}).unwrap(), 1);
    }
    assert!(mirror.ill().is_empty());
    assert!(!scene.note().exists());
}
