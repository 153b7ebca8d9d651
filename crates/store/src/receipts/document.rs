//! What a receipt says, and its canonical text (docs/formats.md, section 13).

use data_encoding::{BASE64, HEXLOWER};
use oubliette_crypto::VaultId;
use oubliette_keyring::{ErasureClass, RootRecord};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ErasedFacts;
use super::ReceiptState;
use crate::times::{micros, rfc3339};
use crate::translog::{Hash, InclusionProof, LogError};

/// The first line of every receipt: no checkpoint begins like this, so that one is never taken for the other.
const FIRST: &str = "oubliette.receipt/v1";
/// Said of what nobody can know any more.
const DAMAGED: &str = "unknown: what restricted the person was damaged";

/// A receipt. Nothing in it names the person, and nothing can be computed from a user id alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Its random name, in hexadecimal.
    pub receipt: String,
    /// `blocked`, `erased` or `final`.
    pub state: ReceiptState,
    /// The vault's random name, in hexadecimal.
    pub vault: String,
    /// When it was signed, RFC 3339.
    pub issued: String,
    /// Whom it is about.
    pub subject: Subject,
    /// What was asked.
    pub request: Request,
    /// From when on reads and writes were refused.
    pub blocked: String,
    /// From when on no key of the person existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
    /// What happened to the keys. Of `erased` and `final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// The deletion's entry in the public log. Of `erased` and `final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogEntry>,
    /// A certificate of sanitization. Of `erased` and `final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanitization: Option<Sanitization>,
    /// Why nothing can undo it. Of `final`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finality: Option<Finality>,
}

/// Whom a receipt is about, told only to who has the salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// A hash over the salt that was told once at the request, the user id and the job; in hexadecimal.
    pub binding: String,
    /// The deletion job's random name, in hexadecimal.
    pub job: String,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// When.
    pub requested: String,
    /// Why, in a short word.
    pub reason: String,
    /// What is deleted, and under which rules.
    pub policy: String,
    /// The vault's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Legal holds at the moment of what the receipt is about: when the person was blocked, or when their keys were destroyed.
    pub holds: String,
    /// Whether the time for second thoughts was waited for.
    pub cooling_off: String,
    /// Who asked.
    pub asked_by: String,
}

/// The change of root that ended the person's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The last generation whose root could open the person.
    pub generation_before: u64,
    /// The first one whose root cannot.
    pub generation_after: u64,
    /// SHA-256 of the root page before, in hexadecimal.
    pub root_before: String,
    /// And after.
    pub root_after: String,
    /// Entries of the key tree that this change took out, of everybody in it.
    pub entries_removed: u32,
    /// How sure one may be that the overwritten root secret is gone: E0 to E4.
    pub cell_class: String,
    /// Root cells: erasing any one of them is enough.
    pub cells: u32,
    /// Copies that the vault keeps of its key pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrors: Option<u32>,
    /// Readers and writers that were stopped, and waited for until they had wiped their keys.
    pub leases_drained: u32,
}

/// Where the deletion stands in the public log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// The entry: the ledger's record of both roots, in base64.
    pub entry: String,
    /// That it stands in the log, as lines of a C2SP tlog-proof.
    pub proof: Vec<String>,
}

/// The fields of a certificate of sanitization (NIST SP 800-88, appendix "Sample Certificate of Sanitization Form").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sanitization {
    /// The guideline.
    pub guideline: String,
    /// `Purge`, or `Clear` where nobody verified the medium.
    pub method: String,
    /// How.
    pub technique: String,
    /// What was sanitized.
    pub media_type: String,
    /// Which.
    pub media_source: String,
    /// By which program.
    pub tool: String,
    /// Of which version.
    pub tool_version: String,
    /// How it was verified.
    pub verification: String,
    /// What that is worth on this medium.
    pub validation: String,
    /// By whom.
    pub performed_by: String,
    /// When.
    pub performed: String,
}

/// Why nothing can undo an erasure any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finality {
    /// The receipt of state `erased`.
    pub erased_receipt: String,
    /// SHA-256 of its text, in hexadecimal.
    pub erased_receipt_sha256: String,
    /// Rows and blobs that were left were removed, and from when on no escrow could open the person.
    pub since: String,
    /// Which escrow there was.
    pub escrow: String,
}

/// What a vault says of itself in its receipts.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    pub(super) vault: VaultId,
    pub(super) region: Option<String>,
    pub(super) cells: u32,
    pub(super) mirrors: Option<u32>,
}

impl Receipt {
    /// The text that is signed.
    ///
    /// # Errors
    /// [`LogError::Malformed`], which only a fault of the program leads to.
    pub fn text(&self) -> Result<String, LogError> {
        let json = serde_json::to_string_pretty(self).map_err(|_| LogError::Malformed("a receipt"))?;
        Ok(format!("{FIRST}\n{json}\n"))
    }

    /// Reads the text of a receipt, which has one spelling.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let bad = || LogError::Malformed("a receipt");
        let json = text.strip_prefix(FIRST).and_then(|rest| rest.strip_prefix('\n')).ok_or_else(bad)?;
        let receipt: Self = serde_json::from_str(json).map_err(|_| bad())?;
        if receipt.text()? == text { Ok(receipt) } else { Err(bad()) }
    }

    /// The parts of `keys` and `log` that an erased or final receipt must have.
    pub(super) fn evidence(&self) -> Option<(&Keys, RootRecord, Vec<u8>, InclusionProof)> {
        let (keys, log) = (self.keys.as_ref()?, self.log.as_ref()?);
        let entry = crate::translog::base64(&log.entry)?;
        let record = RootRecord::parse(&entry)?;
        let proof =
            InclusionProof::parse(&log.proof.iter().map(|line| format!("{line}\n")).collect::<String>())
                .ok()?;
        Some((keys, record, entry, proof))
    }

    /// That somebody's reads and writes are refused from now on, and nothing else.
    pub(super) fn blocked(issuer: &Issuer, facts: &ErasedFacts, now: u64) -> Self {
        let state = ReceiptState::Blocked;
        Self {
            receipt: super::ReceiptId::of(&facts.job, state).to_string(),
            state,
            vault: issuer.vault.to_string(),
            issued: rfc3339(now),
            subject: Subject { binding: HEXLOWER.encode(&facts.binding), job: HEXLOWER.encode(&facts.job) },
            request: Request {
                requested: seconds(facts.requested),
                reason: facts.reason.clone(),
                policy: "the whole person, every class of content: keys are destroyed, rows and blobs removed afterwards"
                    .to_owned(),
                region: issuer.region.clone(),
                holds: if facts.override_holds {
                    "two people agreed to delete over whatever stands".to_owned()
                } else {
                    "none stood when reads and writes were stopped".to_owned()
                },
                cooling_off: match (facts.no_cooling_off, facts.by_operator) {
                    (false, false) if facts.damaged => DAMAGED.to_owned(),
                    (true, _) => "shortened by two people".to_owned(),
                    (false, true) => "not waited for: an operator asked for it at once".to_owned(),
                    (false, false) => "as asked for".to_owned(),
                },
                asked_by: if facts.by_operator {
                    "an operator with the vault in hand".to_owned()
                } else if facts.damaged {
                    DAMAGED.to_owned()
                } else {
                    "a client of the service".to_owned()
                },
            },
            blocked: seconds(facts.blocked),
            erased: None,
            keys: None,
            log: None,
            sanitization: None,
            finality: None,
        }
    }

    /// That the person's keys are gone, as this record of the ledger shows.
    pub(super) fn erased(
        issuer: &Issuer,
        facts: &ErasedFacts,
        record: &RootRecord,
        proof: &InclusionProof,
        now: u64,
    ) -> Self {
        let hex = |hash: &Hash| HEXLOWER.encode(hash);
        let state = ReceiptState::Erased;
        let blocked = Self::blocked(issuer, facts, now);
        let holds = if facts.damaged {
            DAMAGED.to_owned()
        } else if facts.override_holds {
            "overridden by two people".to_owned()
        } else {
            "none stood when the keys were destroyed".to_owned()
        };
        Self {
            receipt: super::ReceiptId::of(&facts.job, state).to_string(),
            state,
            erased: Some(seconds(facts.erased)),
            keys: Some(Keys {
                generation_before: record.generation_before,
                generation_after: record.generation_after,
                root_before: hex(&record.root_before),
                root_after: hex(&record.root_after),
                entries_removed: record.removed,
                cell_class: record.cell_class.to_string(),
                cells: issuer.cells,
                mirrors: issuer.mirrors,
                leases_drained: facts.leases,
            }),
            log: Some(LogEntry {
                entry: BASE64.encode(&record.encode()),
                proof: proof.to_string().lines().map(str::to_owned).collect(),
            }),
            sanitization: Some(sanitization(issuer, facts, record.cell_class)),
            request: Request { holds, ..blocked.request.clone() },
            ..blocked
        }
    }

    /// That nothing is left that could undo what an `erased` receipt says.
    pub(super) fn finished(
        &self,
        erased_text: &str,
        job: &[u8; 16],
        since: u64,
        escrow: &str,
        now: u64,
    ) -> Self {
        let state = ReceiptState::Final;
        Self {
            receipt: super::ReceiptId::of(job, state).to_string(),
            state,
            issued: rfc3339(now),
            finality: Some(Finality {
                erased_receipt: self.receipt.clone(),
                erased_receipt_sha256: HEXLOWER.encode(&Sha256::digest(erased_text)),
                since: rfc3339(since),
                escrow: escrow.to_owned(),
            }),
            ..self.clone()
        }
    }
}

fn sanitization(issuer: &Issuer, facts: &ErasedFacts, class: ErasureClass) -> Sanitization {
    Sanitization {
        guideline: "NIST SP 800-88".to_owned(),
        method: if class == ErasureClass::E0 { "Clear" } else { "Purge" }.to_owned(),
        technique: "Cryptographic Erase: the root secret above all of the person's keys was replaced and overwritten"
            .to_owned(),
        media_type: "root cells of 32 bytes of key, each masked by 16 KiB of randomness".to_owned(),
        media_source: format!("vault {}, {} root cell(s)", issuer.vault, issuer.cells),
        tool: "oubliette".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        verification: "every overwritten cell was synced and read back, and the new key pages were durable, before anything was acknowledged"
            .to_owned(),
        validation: means(class).to_owned(),
        performed_by: "the vault's own key writer, as asked by the request above".to_owned(),
        performed: seconds(facts.erased),
    }
}

/// What an erasure class says, in plain words.
pub fn means(class: ErasureClass) -> &'static str {
    match class {
        ErasureClass::E0 => {
            "E0: nobody verified that this medium forgets what is overwritten, or there is a reason to doubt it"
        }
        ErasureClass::E1 => {
            "E1: a file that was seen to be overwritten in place; the device below it may still keep old blocks for a while"
        }
        ErasureClass::E2 => "E2: a hardware token or TPM that deletes inside itself",
        ErasureClass::E3 => "E3: a key service that asserts that it deleted",
        ErasureClass::E4 => "E4: a quorum of independent nodes, each of which would have had to keep it",
    }
}

fn seconds(unix: i64) -> String {
    rfc3339(micros(unix))
}
