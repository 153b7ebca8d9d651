//! Which leaves lie at and below a node: the way back from a cut to the rows that it takes.

use std::ops::RangeInclusive;

use super::{Branch, Class, Path};

/// The leaves at and below a node, as what a row key counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What kind of content.
    pub class: Class,
    /// Which compartments.
    pub compartments: RangeInclusive<u32>,
    /// Which half of the compartment; `None`: both.
    pub branch: Option<Branch>,
    /// Which numbers in the branch.
    pub seqs: RangeInclusive<u64>,
}

impl Path {
    /// What lies at and below this node; `None` above the classes and where no leaf can be.
    pub fn span(&self) -> Option<Span> {
        let mut bits = self.bits();
        let mut class = 0;
        for _ in 0..8 {
            class = class << 1 | u8::from(bits.next()?);
        }
        let class = Class::try_from(class).ok()?;
        let (compartments, whole) = numbers(&mut bits, 31)?;
        let compartments = narrow(*compartments.start())..=narrow(*compartments.end());
        let all =
            |branch| Some(Span { class, compartments: compartments.clone(), branch, seqs: 1..=u64::MAX });
        if !whole {
            return all(None);
        }
        let Some(items) = bits.next() else { return all(None) };
        let branch = Some(if items { Branch::Items } else { Branch::Meta });
        let (seqs, _) = numbers(&mut bits, 63)?;
        Some(Span { class, compartments, branch, seqs })
    }
}

/// The numbers whose Elias gamma code begins with what is left of these bits, and whether that is a whole code. Codes have at most `most` zeros.
fn numbers(bits: &mut impl Iterator<Item = bool>, most: u32) -> Option<(RangeInclusive<u64>, bool)> {
    let highest = u64::MAX >> (63 - most);
    let mut zeros = 0;
    loop {
        match bits.next() {
            None => return Some((1 << zeros..=highest, false)),
            Some(true) => break,
            Some(false) if zeros == most => return None,
            Some(false) => zeros += 1,
        }
    }
    let mut number = 1;
    for left in (0..zeros).rev() {
        match bits.next() {
            Some(bit) => number = number << 1 | u64::from(bit),
            None => {
                let open = left + 1;
                return Some((number << open..=number << open | ((1 << open) - 1), false));
            }
        }
    }
    Some((number..=number, true))
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
