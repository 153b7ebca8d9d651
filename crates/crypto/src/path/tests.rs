use proptest::prelude::*;

use super::*;

fn bits(path: &Path) -> String {
    path.bits().map(|bit| if bit { '1' } else { '0' }).collect()
}

fn any_leaf() -> impl Strategy<Value = Leaf> {
    (0usize..5, any_number(32), any::<bool>(), any_number(64)).prop_map(|(class, compartment, items, seq)| {
        Leaf {
            class: Class::ALL[class],
            compartment: compartment as u32,
            branch: if items { Branch::Items } else { Branch::Meta },
            seq,
        }
    })
}

/// Numbers of every magnitude, at least 1.
fn any_number(width: u32) -> impl Strategy<Value = u64> {
    (0..width, any::<u64>()).prop_map(|(k, low)| (1 << k) | (low & ((1 << k) - 1)))
}

#[test]
fn paths_are_spelled_as_documented() {
    let leaf = Leaf { class: Class::Chat, compartment: 5, branch: Branch::Items, seq: 6 };
    assert_eq!(bits(&Path::leaf(&leaf).unwrap()), "00000010001011".to_owned() + "00110");
    assert_eq!(format!("{:?}", Path::class(Class::Saves)), "Path(00000001)");
    let last = Leaf { compartment: u32::MAX, seq: u64::MAX, ..leaf };
    let longest = Path::leaf(&last).unwrap();
    assert_eq!(longest.len(), MAX_PATH_BITS);
    assert!(longest.push(false).is_err());
    assert_eq!(longest.bit(MAX_PATH_BITS), None);
    assert_eq!(longest.bit(usize::MAX), None);
}

#[test]
fn counters_start_at_one() {
    assert!(Path::compartment(Class::Saves, 0).is_err());
    assert!(Path::leaf(&Leaf { class: Class::Saves, compartment: 1, branch: Branch::Meta, seq: 0 }).is_err());
    assert!(items_through(Class::Saves, 1, 0).is_err());
    assert!(items_through(Class::Saves, 0, 1).is_err());
    assert!(compartments_through(Class::Saves, 0).is_err());
    for byte in [0, 6, 255] {
        assert!(Class::try_from(byte).is_err());
    }
    for class in Class::ALL {
        assert_eq!(Class::try_from(class as u8).unwrap(), class);
    }
    assert_eq!(Branch::try_from(1).unwrap(), Branch::Items);
    assert!(Branch::try_from(2).is_err());
}

#[test]
fn the_largest_ranges_are_covered() {
    assert_eq!(items_through(Class::Saves, 1, u64::MAX).unwrap().len(), 64);
    assert_eq!(compartments_through(Class::Saves, u32::MAX).unwrap().len(), 32);
    assert_eq!(items_through(Class::Saves, 1, u64::MAX - 1).unwrap().len(), 63 + 63);
}

/// Counts each number 1 to 70 in each range 1 to n: covered exactly once if it is at most n, never otherwise.
#[test]
fn small_ranges_cover_exactly() {
    let item = |seq| Path::leaf(&Leaf { class: Class::Saves, compartment: 3, branch: Branch::Items, seq });
    for n in 1..70 {
        let pieces = items_through(Class::Saves, 3, n).unwrap();
        for seq in 1..=70 {
            let leaf = item(seq).unwrap();
            let times = pieces.iter().filter(|piece| piece.is_prefix_of(&leaf)).count();
            assert_eq!(times, usize::from(seq <= n), "{seq} in 1..={n}");
        }
    }
}

proptest! {
    #[test]
    fn no_leaf_lies_above_another(a in any_leaf(), b in any_leaf()) {
        let (path, other) = (Path::leaf(&a).unwrap(), Path::leaf(&b).unwrap());
        prop_assert_eq!(path.is_prefix_of(&other), a == b);
        prop_assert_eq!(path.cmp(&other), bits(&path).cmp(&bits(&other)));
        prop_assert!(Path::top().is_prefix_of(&path));
        prop_assert!(Path::compartment(a.class, a.compartment).unwrap().is_prefix_of(&path));
    }

    #[test]
    fn a_range_covers_exactly_what_it_says(n in any_number(64), seq in any_number(64), near in 0u64..3) {
        let pieces = items_through(Class::Chat, 7, n).unwrap();
        prop_assert!(pieces.len() <= 126);
        for seq in [seq, (n - 1 + near).max(1)] {
            let leaf = Leaf { class: Class::Chat, compartment: 7, branch: Branch::Items, seq };
            let path = Path::leaf(&leaf).unwrap();
            let times = pieces.iter().filter(|piece| piece.is_prefix_of(&path)).count();
            prop_assert_eq!(times, usize::from(seq <= n));
            let meta = Path::leaf(&Leaf { branch: Branch::Meta, ..leaf }).unwrap();
            prop_assert!(!pieces.iter().any(|piece| piece.is_prefix_of(&meta)));
        }
    }

    #[test]
    fn a_range_of_compartments_takes_their_metas_along(n in any_number(32), leaf in any_leaf()) {
        let pieces = compartments_through(leaf.class, n as u32).unwrap();
        let path = Path::leaf(&leaf).unwrap();
        let times = pieces.iter().filter(|piece| piece.is_prefix_of(&path)).count();
        prop_assert_eq!(times, usize::from(u64::from(leaf.compartment) <= n));
    }
}

proptest! {
    /// Every node above a leaf spans it, and what a node spans is what lies below it.
    #[test]
    fn a_span_holds_what_lies_below(leaf in any_leaf(), other in any_leaf(), length in 8usize..=MAX_PATH_BITS) {
        let path = Path::leaf(&leaf).unwrap().first(length);
        let span = path.span().unwrap();
        let within = |leaf: &Leaf| {
            span.class == leaf.class
                && span.compartments.contains(&leaf.compartment)
                && span.branch.is_none_or(|branch| branch == leaf.branch)
                && span.seqs.contains(&leaf.seq)
        };
        prop_assert!(within(&leaf), "{span:?}");
        for near in [other, Leaf { seq: leaf.seq ^ 1 | 2, ..leaf }, Leaf { compartment: leaf.compartment ^ 1 | 2, ..leaf }] {
            prop_assert_eq!(within(&near), path.is_prefix_of(&Path::leaf(&near).unwrap()), "{:?} {:?}", span, near);
        }
    }

    #[test]
    fn packed_paths_come_back(leaf in any_leaf(), length in 0usize..=MAX_PATH_BITS, at: prop::sample::Index, flip in 1u8..) {
        let path = Path::leaf(&leaf).unwrap().first(length);
        let mut packed = path.packed().to_vec();
        let bits = path.len() as u8;
        prop_assert_eq!(Path::unpack(bits, &packed), Some(path));
        prop_assert_eq!(Path::unpack(bits.wrapping_add(8), &packed), None);
        if !packed.is_empty() {
            let at = at.index(packed.len());
            packed[at] ^= flip;
            if let Some(other) = Path::unpack(bits, &packed) {
                prop_assert!(other != path && other.packed() == packed);
            }
        }
    }
}
