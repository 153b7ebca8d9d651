//! A cover against the plain set of what was cut.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::support::{Disk, root_seed};
use crate::cover::{Cover, HighestCut};
use crate::tree::descend;
use crate::{Branch, Class, CryptoError, Leaf, Path, compartments_through, items_through};

const COMPARTMENTS: u32 = 4;
const SEQS: u64 = 40;

#[derive(Debug, Clone)]
enum Op {
    Leaf(Leaf),
    Items(Class, u32, u64),
    Compartment(Class, u32),
    Compartments(Class, u32),
    Class(Class),
    Pack,
}

fn any_op() -> impl Strategy<Value = Op> {
    let class = prop_oneof![Just(Class::Saves), Just(Class::Chat)];
    let leaf = (class.clone(), 1..=COMPARTMENTS, any::<bool>(), 1..=SEQS);
    prop_oneof![
        30 => leaf.prop_map(|(class, compartment, items, seq)| {
            let branch = if items { Branch::Items } else { Branch::Meta };
            Op::Leaf(Leaf { class, compartment, branch, seq })
        }),
        5 => (class.clone(), 1..=COMPARTMENTS, 1..=SEQS).prop_map(|(a, b, c)| Op::Items(a, b, c)),
        2 => (class.clone(), 1..=COMPARTMENTS).prop_map(|(a, b)| Op::Compartment(a, b)),
        1 => (class.clone(), 1..=COMPARTMENTS).prop_map(|(a, b)| Op::Compartments(a, b)),
        1 => class.prop_map(Op::Class),
        10 => Just(Op::Pack),
    ]
}

#[derive(Default)]
struct Model {
    leaves: BTreeSet<Leaf>,
    compartments: BTreeSet<(Class, u32)>,
    classes: BTreeSet<Class>,
}

impl Model {
    /// Notes the cut and answers its paths.
    fn apply(&mut self, op: &Op) -> Vec<Path> {
        match *op {
            Op::Leaf(leaf) => {
                self.leaves.insert(leaf);
                vec![Path::leaf(&leaf).unwrap()]
            }
            Op::Items(class, compartment, n) => {
                let leaf = |seq| Leaf { class, compartment, branch: Branch::Items, seq };
                self.leaves.extend((1..=n).map(leaf));
                items_through(class, compartment, n).unwrap()
            }
            Op::Compartment(class, n) => {
                self.compartments.insert((class, n));
                vec![Path::compartment(class, n).unwrap()]
            }
            Op::Compartments(class, n) => {
                self.compartments.extend((1..=n).map(|n| (class, n)));
                compartments_through(class, n).unwrap()
            }
            Op::Class(class) => {
                self.classes.insert(class);
                vec![Path::class(class)]
            }
            Op::Pack => vec![],
        }
    }

    fn compartment_is_cut(&self, class: Class, n: u32) -> bool {
        self.classes.contains(&class) || self.compartments.contains(&(class, n))
    }

    fn is_cut(&self, leaf: &Leaf) -> bool {
        self.compartment_is_cut(leaf.class, leaf.compartment) || self.leaves.contains(leaf)
    }

    fn highest_compartment(&self, class: Class) -> HighestCut {
        let numbers = self.compartments.iter().filter(|(c, _)| *c == class).map(|(_, n)| u64::from(*n));
        highest(self.classes.contains(&class), numbers.max())
    }

    fn highest_seq(&self, class: Class, compartment: u32, branch: Branch) -> HighestCut {
        let here = |l: &&Leaf| (l.class, l.compartment, l.branch) == (class, compartment, branch);
        let seqs = self.leaves.iter().filter(here).map(|leaf| leaf.seq);
        highest(self.compartment_is_cut(class, compartment), seqs.max())
    }
}

fn highest(all: bool, number: Option<u64>) -> HighestCut {
    match (all, number) {
        (true, _) => HighestCut::All,
        (false, Some(n)) => HighestCut::Some(n),
        (false, None) => HighestCut::None,
    }
}

fn all_leaves() -> impl Iterator<Item = Leaf> {
    let class = [Class::Saves, Class::Chat].into_iter();
    class.flat_map(|class| {
        (1..=COMPARTMENTS).flat_map(move |compartment| {
            [Branch::Meta, Branch::Items].into_iter().flat_map(move |branch| {
                (1..=SEQS + 1).map(move |seq| Leaf { class, compartment, branch, seq })
            })
        })
    })
}

fn check(cover: &Cover, model: &Model, disk: &Disk) {
    let root = root_seed();
    let load = &mut disk.load();
    for leaf in all_leaves() {
        let path = Path::leaf(&leaf).unwrap();
        let key = cover.derive::<CryptoError>(&leaf, load).unwrap().map(|key| *key.expose());
        let expected = (!model.is_cut(&leaf)).then(|| *descend(&root, path.bits()).expose());
        assert_eq!(key, expected, "{leaf:?}");
        assert_eq!(cover.is_cut::<CryptoError>(&path, load).unwrap(), model.is_cut(&leaf), "{leaf:?}");
    }
    for class in [Class::Saves, Class::Chat, Class::Records] {
        let found = cover.highest_cut::<CryptoError>(&Path::class(class), load).unwrap();
        assert_eq!(found, model.highest_compartment(class), "{class:?}");
        for n in 1..=COMPARTMENTS + 1 {
            let cut = cover.is_cut::<CryptoError>(&Path::compartment(class, n).unwrap(), load).unwrap();
            assert_eq!(cut, model.compartment_is_cut(class, n), "{class:?} {n}");
            for branch in [Branch::Meta, Branch::Items] {
                let base = Path::branch(class, n, branch).unwrap();
                let found = cover.highest_cut::<CryptoError>(&base, load).unwrap();
                assert_eq!(found, model.highest_seq(class, n, branch), "{class:?} {n} {branch:?}");
            }
        }
    }
}

/// What remains leads to every live leaf in exactly one way, and to no cut one.
fn check_secrecy(cover: &Cover, model: &Model, disk: &Disk) {
    let dump = disk.dump(cover);
    for leaf in all_leaves() {
        let path = Path::leaf(&leaf).unwrap();
        let above = dump.seeds.keys().filter(|at| at.is_prefix_of(&path)).count();
        assert_eq!(above, usize::from(!model.is_cut(&leaf)), "{leaf:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_cover_behaves_like_the_set_of_its_cuts(ops in prop::collection::vec(any_op(), 1..120)) {
        let (disk, mut model) = (Disk::default(), Model::default());
        let (mut cover, mut dead) = (Cover::fresh(root_seed()), Vec::new());
        for op in &ops {
            let paths = model.apply(op);
            let before = paths.iter().all(|p| cover.is_cut::<CryptoError>(p, &mut disk.load()).unwrap());
            prop_assert_eq!(disk.cut(&mut cover, &paths, &mut dead), !before);
            if matches!(op, Op::Pack) {
                let packed = disk.pack(&mut cover, std::mem::take(&mut dead));
                cover = Cover::decode(packed.form(), packed.expose()).unwrap();
                prop_assert!(disk.holds_exactly(&cover));
            }
        }
        check(&cover, &model, &disk);
        check_secrecy(&cover, &model, &disk);
        disk.pack(&mut cover, dead);
        check(&cover, &model, &disk);
        check_secrecy(&cover, &model, &disk);
    }
}

#[test]
fn numbers_at_the_edges_are_found() {
    let disk = Disk::default();
    let base = Path::branch(Class::Saves, u32::MAX, Branch::Items).unwrap();
    for seq in [1, 2, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        let mut cover = Cover::fresh(root_seed());
        let leaf = Leaf { class: Class::Saves, compartment: u32::MAX, branch: Branch::Items, seq };
        assert!(disk.cut(&mut cover, &[Path::leaf(&leaf).unwrap()], &mut vec![]));
        let found = cover.highest_cut::<CryptoError>(&base, &mut disk.load()).unwrap();
        assert_eq!(found, HighestCut::Some(seq));
        // A compartment of which something is left does not count as cut.
        let found = cover.highest_cut::<CryptoError>(&Path::class(Class::Saves), &mut disk.load()).unwrap();
        assert_eq!(found, HighestCut::None);
    }
    let mut cover = Cover::fresh(root_seed());
    disk.cut(&mut cover, &items_through(Class::Saves, u32::MAX, u64::MAX).unwrap(), &mut vec![]);
    let found = cover.highest_cut::<CryptoError>(&base, &mut disk.load()).unwrap();
    assert_eq!(found, HighestCut::Some(u64::MAX));
    disk.cut(&mut cover, &[Path::top()], &mut vec![]);
    let found = cover.highest_cut::<CryptoError>(&base, &mut disk.load()).unwrap();
    assert_eq!(found, HighestCut::All);
}
