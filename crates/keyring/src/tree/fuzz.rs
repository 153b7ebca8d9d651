//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{Handle, PageRef, Tag};

use super::entry::{decode_leaf, encode_leaf, find_in_leaf};
use super::node::{RootNode, child_of, decode_inner, encode_inner};
use super::{Child, Children, Entry, EntryKind};
use crate::fuzzing::{body, trimmed};
use crate::records::{Fence, PlacedFence};

/// Input: `what:1 ‖ population:4 ‖ plaintext`, of a root page (population does not count), an inner page or a leaf.
pub(crate) fn run(input: &[u8]) {
    let Some(([what, population @ ..], plain)) = input.split_first_chunk::<5>() else { return };
    let (page, population) = (body(plain), u32::from_be_bytes(*population));
    let tag = Tag([0x5a; 16]);
    match what % 3 {
        0 => {
            if let Ok(root) = RootNode::decode(&page) {
                assert_eq!(root.encode().unwrap().expose(), page.expose());
            }
        }
        1 => {
            let _one_of_them = child_of(&page, &tag, 3).is_ok();
            if let Ok(children) = decode_inner(&page, population) {
                assert_eq!(encode_inner(&children).unwrap().expose(), page.expose());
                assert_eq!(children.population(), u64::from(population));
            }
        }
        _ => {
            let found = find_in_leaf(&page, population, (tag, EntryKind::Person));
            if let Ok(entries) = decode_leaf(&page, population) {
                assert_eq!(encode_leaf(&entries).unwrap().expose(), page.expose());
                let there = entries.iter().any(|entry| entry.key() == (tag, EntryKind::Person));
                assert_eq!(found.unwrap().is_some(), there);
            }
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let page = || PageRef::generate().unwrap();
    let mut children = Children::default();
    children.0[3] = Some(Child { page: page(), population: 14 });
    children.0[15] = Some(Child { page: page(), population: 2 });
    let inner = trimmed(&encode_inner(&children).unwrap());
    let root = RootNode { persons: 5, vault_page: page(), children };
    let entries = [
        Entry::Handle { tag: Tag([1; 16]), person: Tag([2; 16]) },
        Entry::Person { tag: Tag([0x5a; 16]), state: page(), blocked: true, waits: false },
        Entry::Fence(PlacedFence {
            tag: Tag([0x5b; 16]),
            fence: Fence {
                handle: Handle([4; 16]),
                erased_at: 1,
                expires: 2,
                generation_after: 3,
                leases_drained: 4,
            },
        }),
    ];
    vec![
        [&[0, 0, 0, 0, 0], trimmed(&root.encode().unwrap()).as_slice()].concat(),
        [&[1, 0, 0, 0, 16], inner.as_slice()].concat(),
        [&[2, 0, 0, 0, 3], trimmed(&encode_leaf(&entries).unwrap()).as_slice()].concat(),
        vec![2, 0, 0, 0, 0],
    ]
}
