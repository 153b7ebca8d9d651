//! Fragments of a person's cover (docs/formats.md, section 3).

use crate::fields::Fields;
use crate::path::Bits;
use crate::{Key, PageRef};

/// What a fragment leads to, by place in the person's tree.
#[derive(Default)]
pub struct Fragment {
    /// Seeds of whole subtrees.
    pub seeds: Vec<(Bits, Key)>,
    /// Subtrees that stand in pages of their own.
    pub pages: Vec<(Bits, PageRef)>,
}

/// Deeper than any path of the tree.
const TOO_DEEP: usize = 200;

impl Fragment {
    /// The fragment at the front of `bytes`, which stands at `place`; as much of it as can be read.
    pub fn read(bytes: &[u8], place: Bits) -> Self {
        let mut found = Self::default();
        let mut fields = Fields(bytes);
        if let Some(nodes) = fields.u16()
            && let Some(tags) = fields.take(usize::from(nodes).div_ceil(4))
        {
            let mut tags =
                (0..usize::from(nodes)).filter_map(|at| Some(tags.get(at / 4)? >> (6 - at % 4 * 2) & 3));
            found.node(&mut tags, &mut fields, place);
        }
        found
    }

    fn node(
        &mut self,
        tags: &mut dyn Iterator<Item = u8>,
        payloads: &mut Fields<'_>,
        place: Bits,
    ) -> Option<()> {
        match tags.next()? {
            0 => {}
            1 => self.seeds.push((place, payloads.array()?)),
            2 if place.len() < TOO_DEEP => {
                let child = |bit| place.iter().copied().chain([bit]).collect();
                self.node(tags, payloads, child(false))?;
                self.node(tags, payloads, child(true))?;
            }
            2 => return None,
            _ => {
                let page = (payloads.array()?, payloads.array()?);
                payloads.u16()?;
                self.pages.push((place, page));
            }
        }
        Some(())
    }
}
