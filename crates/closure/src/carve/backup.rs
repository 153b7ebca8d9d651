//! Rows and bodies in a segment of a backup (docs/formats.md, section 14). Without its key: neither the digest nor the MAC is looked at.

use crate::fields::Fields;

/// A row of a segment, or the first part of a body: where it stands in the segment.
pub(super) struct Kept {
    pub(super) key: [u8; 30],
    /// The row's value: first byte, length.
    pub(super) row: (usize, usize),
    /// The first part of its body: first byte, length.
    pub(super) body: Option<(usize, usize)>,
}

pub(super) const MAGIC: &[u8] = b"OUBBKSEG";
/// No segment is longer.
pub(super) const LONGEST: u64 = 80 << 20;

/// As many entries as can be read, of a segment that begins at the front.
pub(super) fn read(bytes: &[u8]) -> Vec<Kept> {
    let mut kept = Vec::new();
    let _what_is_read_counts = read_into(bytes, &mut kept);
    kept
}

fn read_into(bytes: &[u8], kept: &mut Vec<Kept>) -> Option<()> {
    let mut head = Fields(bytes);
    head.take(8 + 16)?;
    let (entries, table) = (head.u32()?, usize::try_from(head.u32()?).ok()?);
    let mut fields = Fields(bytes.get(40..40 + table)?);
    let mut at = 40 + table;
    let mut key = [0; 30];
    for _ in 0..entries {
        let (kind, shared) = (fields.u8()?, usize::from(fields.u8()?));
        let rest = key.get_mut(shared..)?;
        rest.copy_from_slice(fields.take(rest.len())?);
        if kind == 0 {
            continue;
        }
        fields.take(8)?;
        let row = usize::from(fields.u16()?);
        let (mut first, mut part) = (0, 0);
        if kind == 2 {
            fields.u64()?;
            first = fields.u64()?;
            part = usize::try_from(fields.u32()?).ok()?;
        }
        if row > 0 {
            let body = (kind == 2 && first == 0).then_some((at + row, part));
            kept.push(Kept { key, row: (at, row), body });
        }
        at = at.checked_add(row)?.checked_add(part)?;
    }
    Some(())
}
