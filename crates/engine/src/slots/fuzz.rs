//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use super::table::{header_of, header_says, meaning};
use crate::{PAGE_SIZE, RawPage};

const VAULT: [u8; 16] = [7; 16];

/// Input: `what:1 ‖ bytes`, of the header block, or of a slot.
pub(crate) fn run(input: &[u8]) {
    let Some((what, bytes)) = input.split_first() else { return };
    if what & 1 == 0 {
        let mut block = [0; 4 * PAGE_SIZE];
        block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        if let Some(blocks) = header_says(&block, &VAULT) {
            assert_eq!(header_of(&VAULT, blocks), block);
        }
    } else {
        let mut slot: RawPage = [0; PAGE_SIZE];
        slot.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        if let Some(id) = meaning(&slot) {
            assert_eq!(slot[4..16], id);
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let header = header_of(&VAULT, 1024);
    vec![
        [&[0], &header[..72]].concat(),
        [&[0], &header_of(&[8; 16], 1)[..72]].concat(),
        [&[1], b"OP\x01\x05id..........".as_slice()].concat(),
        vec![1, b'O', b'D'],
        vec![1],
    ]
}
