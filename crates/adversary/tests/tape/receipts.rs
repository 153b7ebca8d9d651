//! What the vault signs about its deletions, as somebody finds it who has everything: one for each destruction and none without; nobody's name, no
//! guess at one confirmed, and nothing to sign with.

use data_encoding::{BASE64, HEXLOWER};
use oubliette_adversary::{Evidence, World};
use oubliette_crypto::sign::receipt_key;
use oubliette_crypto::{JobId, ReceiptSalt, receipt_binding};
use oubliette_store::{Receipt, ReceiptState, list_receipts, public_key, verify_receipt};

use crate::history::History;

/// The salts that the latest erasures told.
pub(crate) const KEPT: usize = 4;

fn receipts(world: &World) -> Vec<Receipt> {
    let mut all = Vec::new();
    list_receipts(world.ledger(), &mut |line| all.push(line.receipt)).unwrap();
    all
}

/// How many destructions are told of, whether or not the vault is running.
pub(crate) fn said(world: &World) -> usize {
    receipts(world).iter().filter(|receipt| receipt.state == ReceiptState::Erased).count()
}

impl History {
    /// How many destructions the ledger certifies, each of which verifies and stands among the roots that there were.
    pub(crate) fn certified(&self) -> usize {
        let key = public_key(self.world.ledger()).unwrap();
        let roots = self.world.keyring().unwrap().root_records(0).unwrap();
        let erased =
            receipts(&self.world).into_iter().filter(|receipt| receipt.state == ReceiptState::Erased);
        let mut jobs = Vec::new();
        for receipt in erased {
            let id = oubliette_store::ReceiptId::parse(&receipt.receipt).unwrap();
            let note = self.world.vault().unwrap().receipt(&id).unwrap();
            let checked =
                verify_receipt(&note, &key, None, &[], None).unwrap_or_else(|faults| panic!("{faults:?}"));
            let keys = checked.receipt.keys.unwrap();
            let root = roots.iter().find(|root| root.generation_after == keys.generation_after);
            assert!(root.is_some_and(|root| root.removed > 0), "a receipt of a root change that never was");
            jobs.push(receipt.subject.job);
        }
        jobs.sort();
        jobs.dedup();
        jobs.len()
    }

    /// Everything that receipts must not do.
    pub(crate) fn receipts_tell_nothing(&self, everything: &Evidence) {
        assert_eq!(self.certified(), self.destroyed, "receipts and destructions");
        let receipts = receipts(&self.world);
        for receipt in &receipts {
            let job = HEXLOWER.decode(receipt.subject.job.as_bytes()).unwrap();
            let job = JobId(job.try_into().unwrap());
            for person in &self.people {
                // What somebody without the salt can compute.
                for salt in [[0; 32], [0xff; 32]] {
                    let guess = receipt_binding(&ReceiptSalt::new(salt), person.id.as_str().as_bytes(), &job);
                    assert_ne!(
                        HEXLOWER.encode(&guess),
                        receipt.subject.binding,
                        "a guess is confirmed by a receipt"
                    );
                }
            }
        }
        let key = receipt_key(&self.world.keyring().unwrap().anchor_key().unwrap());
        let secrets: Vec<(&str, &[u8])> = std::iter::once(("the key of receipts", key.expose().as_slice()))
            .chain(self.salts.iter().rev().take(KEPT).map(|salt| ("a salt", salt.expose().as_slice())))
            .collect();
        let Evidence { rows, blobs, pages, other, logs, cells, .. } = everything;
        let pairs = rows.iter().chain(blobs).flat_map(|(key, value)| [key, value]);
        let all: Vec<&Vec<u8>> = pairs.chain(pages).chain(other).chain(cells).chain([logs]).collect();
        for (what, secret) in secrets {
            for form in
                [secret.to_vec(), HEXLOWER.encode(secret).into_bytes(), BASE64.encode(secret).into_bytes()]
            {
                // The first half will do; a form is looked for by its rarest eight bytes first, which is faster.
                let (head, whole) = (&form[..8], &form[..form.len() / 2]);
                let found = all.iter().any(|bytes| {
                    bytes
                        .windows(8)
                        .enumerate()
                        .any(|(at, window)| window == head && bytes[at..].starts_with(whole))
                });
                assert!(!found, "{what} is kept");
            }
        }
    }
}
