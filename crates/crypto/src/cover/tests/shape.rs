//! The shape of a cover follows from its cuts alone.

use proptest::prelude::*;

use super::support::{Disk, item, root_seed};
use crate::cover::Cover;
use crate::tree::tree_child;
use crate::{Class, CoverForm, Path, compartments_through, items_through};

/// Cuts of all sizes, enough of them to fill several pages.
fn many_cuts() -> impl Strategy<Value = Vec<Path>> {
    let leaf = |(compartment, seq)| vec![Path::leaf(&item(compartment, seq)).unwrap()];
    let cut = prop_oneof![
        60 => (1u32..6, 1u64..1500).prop_map(leaf),
        1 => (1u32..6, 1u64..600).prop_map(|(c, n)| items_through(Class::Chat, c, n).unwrap()),
        1 => (1u32..20).prop_map(|c| vec![Path::compartment(Class::Saves, c).unwrap()]),
        1 => (1u32..3).prop_map(|n| compartments_through(Class::Saves, n).unwrap()),
    ];
    prop::collection::vec(cut, 50..400).prop_map(|cuts| cuts.concat())
}

/// Cuts in steps of the given lengths, packing and reading back after each.
fn build(disk: &Disk, paths: &[Path], steps: &[usize]) -> Cover {
    let mut cover = Cover::fresh(root_seed());
    let (mut rest, mut lengths) = (paths, steps.iter().cycle());
    while !rest.is_empty() {
        let (now, later) = rest.split_at((*lengths.next().unwrap()).min(rest.len()));
        let mut dead = Vec::new();
        disk.cut(&mut cover, now, &mut dead);
        let packed = disk.pack(&mut cover, dead);
        cover = Cover::decode(packed.form(), packed.expose()).unwrap();
        rest = later;
    }
    cover
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn order_and_packing_leave_no_trace(
        (paths, shuffled) in many_cuts().prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())),
        steps in prop::collection::vec(1usize..60, 1..5),
    ) {
        let (at_once, in_steps) = (Disk::default(), Disk::default());
        let first = at_once.dump(&build(&at_once, &paths, &[usize::MAX]));
        let cover = build(&in_steps, &shuffled, &steps);
        let second = in_steps.dump(&cover);
        prop_assert_eq!(&first.seeds, &second.seeds);
        prop_assert_eq!(&first.cuts, &second.cuts);
        prop_assert_eq!(first.partition(), second.partition());
        prop_assert!(in_steps.holds_exactly(&cover));
    }

    #[test]
    fn pages_beside_the_cut_stay(paths in many_cuts(), compartment in 1u32..6, seq in 1u64..1500) {
        let disk = Disk::default();
        let mut cover = build(&disk, &paths, &[usize::MAX]);
        let before = disk.dump(&cover);
        let path = Path::leaf(&item(compartment, seq)).unwrap();
        let mut dead = Vec::new();
        let changed = disk.cut(&mut cover, &[path], &mut dead);
        prop_assert_eq!(changed, !before.cuts.iter().any(|cut| cut.is_prefix_of(&path)));
        disk.pack(&mut cover, dead);
        let after = disk.dump(&cover);
        for (at, (bits, id)) in &after.pages {
            let on_the_way = at.is_prefix_of(&path) && changed;
            if let Some((bits_before, id_before)) = before.pages.get(at) {
                prop_assert_eq!(id != id_before, on_the_way, "{:?}", at);
                prop_assert!(on_the_way || bits == bits_before);
            }
        }
    }

    #[test]
    fn what_is_kept_is_right_and_as_little_as_can_be(paths in many_cuts()) {
        let disk = Disk::default();
        let dump = disk.dump(&build(&disk, &paths, &[40]));
        for (at, seed) in &dump.seeds {
            let derived = at.bits().fold(root_seed(), |seed, bit| tree_child(&seed, bit));
            prop_assert_eq!(seed, derived.expose());
            // No seed leads into a cut, and none could be joined with its neighbour.
            prop_assert!(!paths.iter().any(|cut| at.is_prefix_of(cut) || cut.is_prefix_of(at)));
            let mut bits: Vec<bool> = at.bits().collect();
            let last = bits.pop().unwrap();
            let beside = bits.into_iter().chain([!last]).fold(Path::top(), |p, bit| p.push(bit).unwrap());
            prop_assert!(paths.iter().any(|cut| beside.is_prefix_of(cut) || cut.is_prefix_of(&beside)));
        }
    }
}

#[test]
fn cutting_everything_leaves_nothing_and_frees_every_page() {
    let disk = Disk::default();
    let paths: Vec<_> = (1..800).map(|n| Path::leaf(&item(1, n * 3)).unwrap()).collect();
    let mut cover = build(&disk, &paths, &[100]);
    assert!(disk.dump(&cover).pages.len() > 20);
    let mut dead = Vec::new();
    assert!(disk.cut(&mut cover, &[Path::top()], &mut dead));
    let packed = disk.pack(&mut cover, dead);
    assert_eq!(packed.expose(), [0, 1, 0]);
    assert!(disk.holds_exactly(&cover));
    assert_eq!(disk.dump(&cover).pages.len(), 0);
}

/// A cover that shrinks takes its pages back into the state page.
#[test]
fn pages_are_taken_back_when_little_is_left() {
    let disk = Disk::default();
    let paths: Vec<_> = (1..800).map(|n| Path::leaf(&item(1, n * 3)).unwrap()).collect();
    let mut cover = build(&disk, &paths, &[100]);
    let mut dead = Vec::new();
    disk.cut(&mut cover, &items_through(Class::Chat, 1, 2400).unwrap(), &mut dead);
    disk.pack(&mut cover, std::mem::take(&mut dead));
    assert!(disk.holds_exactly(&cover));
    assert_eq!(disk.dump(&cover).pages.len(), 1);

    disk.cut(&mut cover, &[Path::compartment(Class::Chat, 1).unwrap()], &mut dead);
    let packed = disk.pack(&mut cover, dead);
    assert_eq!(packed.form(), CoverForm::Inline);
    assert!(disk.holds_exactly(&cover) && disk.dump(&cover).pages.is_empty());
}
