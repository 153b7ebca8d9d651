//! Every label that separates one use of a key from another (docs/formats.md, sections 1, 4, 5, 7 and 13, "Released answers"). A label is used for
//! one purpose and never changes its meaning; a new purpose gets a new label.

/// Step from a tree seed to a child; followed by one byte 0 or 1.
pub const TREE_CHILD: &[u8] = b"oubliette/v1/tree/child";
/// From the seed at a leaf to its object key.
pub const TREE_LEAF: &[u8] = b"oubliette/v1/tree/leaf";
/// Key of a message that both parties' leaves open together.
pub const CHAT_EITHER: &[u8] = b"oubliette/v1/chat/either";
/// Tag of a person; followed by the user id.
pub const TAG_PERSON: &[u8] = b"oubliette/v1/tag/person";
/// Tag of a handle; followed by the handle.
pub const TAG_HANDLE: &[u8] = b"oubliette/v1/tag/handle";
/// `M` from the cells' shares; followed by their number.
pub const ROOT_SECRET: &[u8] = b"oubliette/v1/root/secret";
/// Key of the root page; followed by the generation.
pub const ROOT_PAGE: &[u8] = b"oubliette/v1/root/page";
/// Key of the MAC over a root pointer.
pub const ROOT_POINTER: &[u8] = b"oubliette/v1/root/pointer";
/// Hides a cell's share under fresh randomness.
pub const CELL_MASK: &[u8] = b"oubliette/v1/cell/mask";
/// Checks a cell's record.
pub const CELL_CHECK: &[u8] = b"oubliette/v1/cell/check";
/// Key of an anchor slot; followed by the slot's first 24 bytes.
pub const ANCHOR_SLOT: &[u8] = b"oubliette/v1/anchor/slot";
/// Key of an anchor row; followed by the row's first 9 bytes.
pub const ANCHOR_ROW: &[u8] = b"oubliette/v1/anchor/row";
/// Key of a redo record of the anchor; followed by the record's first 40 bytes.
pub const ANCHOR_REDO: &[u8] = b"oubliette/v1/anchor/redo";
/// From the key of a leaf that seals nothing to the number of an answer; followed by the caller's key.
pub const ANSWER_NUMBER: &[u8] = b"oubliette/v1/answer/number";
/// From the same leaf to the key of an answer; followed by the caller's key.
pub const ANSWER_KEY: &[u8] = b"oubliette/v1/answer/key";
/// What the first audit record of a vault follows; followed by the vault id.
pub const AUDIT_START: &[u8] = b"oubliette/v1/audit/start";
/// Hash of an audit record; followed by the hash before and the record.
pub const AUDIT_CHAIN: &[u8] = b"oubliette/v1/audit/chain";
/// Key of the row digests.
pub const ANCHOR_DIGEST: &[u8] = b"oubliette/v1/anchor/digest";
/// Key of the MACs of backups, from the anchor's key.
pub const BACKUP: &[u8] = b"oubliette/v1/backup";
/// MAC of a backup's manifest; followed by the SHA-256 of what stands before it.
pub const BACKUP_MANIFEST: &[u8] = b"oubliette/v1/backup/manifest";
/// MAC of a backup's segment; followed likewise.
pub const BACKUP_SEGMENT: &[u8] = b"oubliette/v1/backup/segment";
/// From `K_anchor` to the key that signs receipts and checkpoints.
pub const RECEIPT_SIGN: &[u8] = b"oubliette/v1/receipt/sign";
/// Names a receipt; followed by the job's id and the state.
pub const RECEIPT_ID: &[u8] = b"oubliette/v1/receipt/id";
/// HPKE's `info` of a released answer (docs/formats.md, "Released answers").
pub const RELEASE: &[u8] = b"oubliette/v1/release";
/// What ties a receipt to a person; followed by salt, length of the user id, user id and job.
pub const RECEIPT_BINDING: &[u8] = b"oubliette/v1/receipt/binding";
/// What the second person says yes to before a deletion that overrides something; followed by all that is overridden.
pub const DELETION_OVERRIDE: &[u8] = b"oubliette/v1/deletion/override";
/// Names a registered release key; followed by the public key.
pub const RELEASE_KEY: &[u8] = b"oubliette/v1/release/key";
/// HPKE's `info` of a share in escrow (docs/formats.md, section 15).
pub const ESCROW_SHARE: &[u8] = b"oubliette/v1/escrow/share";
/// Names a holder's public key of one window; followed by the key.
pub const ESCROW_KEY: &[u8] = b"oubliette/v1/escrow/key";
/// From a fresh escrow key to the key that seals one root.
pub const ESCROW_ROOT: &[u8] = b"oubliette/v1/escrow/root";
/// Hides a holder's key of a window under fresh randomness.
pub const ESCROW_MASK: &[u8] = b"oubliette/v1/escrow/mask";
/// Before what a holder signs when a window's key was destroyed.
pub const ESCROW_STATEMENT: &[u8] = b"oubliette/v1/escrow/statement";
/// Before what a holder signs to give public keys for windows to come.
pub const ESCROW_CARD: &[u8] = b"oubliette/v1/escrow/card";
