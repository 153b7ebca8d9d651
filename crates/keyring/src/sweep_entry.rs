//! What the erasing commit leaves in the sweep queue: whose rows are to be removed, and the facts from which the receipt is made.

use oubliette_crypto::{Handle, JobId};

use crate::codec::{Malformed, Reader};
use crate::person::{DeletionRequest, MAX_DELETION_REASON, Reason};
use crate::records::Fence;

const BY_OPERATOR: u8 = 1;
const COOLING_OFF: u8 = 2;
const HOLDS: u8 = 4;
const DAMAGED: u8 = 8;
const KNOWN: u8 = BY_OPERATOR | COOLING_OFF | HOLDS | DAMAGED;

/// An erased person, by a random name and without anything computed from who they were, until their rows are gone and their receipt is
/// written. All moments are seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepEntry {
    /// The person's random name in row keys.
    pub handle: Handle,
    /// Which deletion this was; all zero for somebody who was given up as lost, which nobody asked for.
    pub job: JobId,
    /// What stands in receipts for the person ([`oubliette_crypto::receipt_binding`]).
    pub binding: [u8; 32],
    /// When it was asked for.
    pub requested: i64,
    /// When reads and writes were stopped.
    pub blocked: i64,
    /// When the root was replaced.
    pub erased: i64,
    /// First root generation that cannot open the person.
    pub generation_after: u64,
    /// Keys and operations in use that were cancelled and waited for.
    pub leases_drained: u32,
    /// Asked by an operator with the vault in hand, or carried out by one before it was due.
    pub by_operator: bool,
    /// Two people had the cooling-off period shortened.
    pub cooling_off_overridden: bool,
    /// A legal hold stood, and two people overrode it.
    pub holds_overridden: bool,
    /// What restricted the person was damaged: nobody knows what they asked for before, nor which holds stood.
    pub damaged: bool,
    /// Why; `None` if nobody asked.
    pub reason: Option<Reason>,
}

impl SweepEntry {
    /// Bytes of an entry.
    pub(crate) const LEN: usize = 128;

    /// Whether a deletion was asked for: then there is a receipt to be made.
    pub fn was_asked_for(&self) -> bool {
        self.job != JobId([0; 16])
    }

    /// `held`: whether a legal hold stood; `None` where damage hides that.
    pub(crate) fn of(request: &DeletionRequest, fence: &Fence, held: Option<bool>) -> Self {
        Self {
            handle: fence.handle,
            job: request.job,
            binding: request.binding,
            requested: request.requested,
            blocked: request.blocked.unwrap_or(fence.erased_at),
            erased: fence.erased_at,
            generation_after: fence.generation_after,
            leases_drained: fence.leases_drained,
            by_operator: request.by_operator,
            cooling_off_overridden: request.shortened,
            holds_overridden: held == Some(true) && request.overrides_holds(),
            damaged: held.is_none(),
            reason: Some(request.reason),
        }
    }

    /// Of somebody who is gone without having been asked to go.
    pub(crate) fn given_up(handle: Handle, now: i64, generation_after: u64) -> Self {
        Self {
            handle,
            job: JobId([0; 16]),
            binding: [0; 32],
            requested: now,
            blocked: now,
            erased: now,
            generation_after,
            leases_drained: 0,
            by_operator: false,
            cooling_off_overridden: false,
            holds_overridden: false,
            damaged: false,
            reason: None,
        }
    }

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let flags = (u8::from(self.by_operator) * BY_OPERATOR)
            | (u8::from(self.cooling_off_overridden) * COOLING_OFF)
            | (u8::from(self.holds_overridden) * HOLDS)
            | (u8::from(self.damaged) * DAMAGED);
        let reason = self.reason.as_ref().map_or("", Reason::as_str).as_bytes();
        let length = u8::try_from(reason.len()).unwrap_or(0);
        let mut entry = [0; Self::LEN];
        let fields: [&[u8]; 11] = [
            self.handle.as_bytes(),
            self.job.as_bytes(),
            &self.binding,
            &self.requested.to_be_bytes(),
            &self.blocked.to_be_bytes(),
            &self.erased.to_be_bytes(),
            &self.generation_after.to_be_bytes(),
            &self.leases_drained.to_be_bytes(),
            &[flags],
            &[length],
            reason,
        ];
        entry.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        entry
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(bytes);
        let (handle, job, binding) = (Handle(fields.array()?), JobId(fields.array()?), fields.array()?);
        let (requested, blocked, erased) = (fields.i64()?, fields.i64()?, fields.i64()?);
        let (generation_after, leases_drained) = (fields.u64()?, fields.u32()?);
        let (flags, length) = (fields.u8()?, usize::from(fields.u8()?));
        let word = std::str::from_utf8(fields.take(length)?).map_err(|_| Malformed)?;
        fields.zeros(MAX_DELETION_REASON.checked_sub(length).ok_or(Malformed)?)?;
        fields.end()?;
        let reason = if word.is_empty() { None } else { Some(Reason::new(word).ok_or(Malformed)?) };
        if flags & !KNOWN != 0 {
            return Err(Malformed);
        }
        Ok(Self {
            handle,
            job,
            binding,
            requested,
            blocked,
            erased,
            generation_after,
            leases_drained,
            by_operator: flags & BY_OPERATOR != 0,
            cooling_off_overridden: flags & COOLING_OFF != 0,
            holds_overridden: flags & HOLDS != 0,
            damaged: flags & DAMAGED != 0,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_frozen() {
        let entry = SweepEntry {
            handle: Handle([1; 16]),
            job: JobId([2; 16]),
            binding: [3; 32],
            requested: 4,
            blocked: 5,
            erased: 6,
            generation_after: 7,
            leases_drained: 8,
            by_operator: true,
            cooling_off_overridden: false,
            holds_overridden: true,
            damaged: true,
            reason: Reason::new("account_closed"),
        };
        let bytes = [
            [1; 16].as_slice(),
            &[2; 16],
            &[3; 32],
            &[0, 0, 0, 0, 0, 0, 0, 4],
            &[0, 0, 0, 0, 0, 0, 0, 5],
            &[0, 0, 0, 0, 0, 0, 0, 6],
            &[0, 0, 0, 0, 0, 0, 0, 7],
            &[0, 0, 0, 8, 13, 14],
            b"account_closed",
            &[0; 12],
        ]
        .concat();
        assert_eq!(entry.encode().as_slice(), bytes);
        assert_eq!(SweepEntry::decode(&bytes), Ok(entry));
    }

    proptest! {
        #[test]
        fn one_entry_has_one_encoding(mut bytes in prop::collection::vec(any::<u8>(), 128), flags in 0u8..17, word in "[a-z]{0,27}") {
            bytes[100] = flags;
            bytes[101] = word.len() as u8;
            bytes[102..].fill(0);
            bytes[102..].iter_mut().zip(word.bytes()).for_each(|(to, from)| *to = from);
            match SweepEntry::decode(&bytes) {
                Ok(entry) => prop_assert_eq!(entry.encode().to_vec(), bytes),
                Err(Malformed) => prop_assert!(flags == 16 || word.len() > 26),
            }
        }
    }
}
