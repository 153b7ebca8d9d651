//! Root cells and root pointers (docs/formats.md, section 5), from raw bytes: every slot counts, old, torn or whole, and every
//! pointer wherever it stands.

use oubliette_crypto::{CellShare, RootKey, VaultId, kdf, labels};
use sha2::{Digest, Sha256};

use crate::Key;
use crate::fields::{Fields, find_all};

/// What a root pointer says about its root page; no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// Of the commit that wrote it.
    pub generation: u64,
    /// The root page's name.
    pub root_page: [u8; 12],
    /// What the root page's key is derived with.
    pub salt: [u8; 32],
}

/// All pointers in these bytes.
pub fn pointers(bytes: &[u8]) -> impl Iterator<Item = Pointer> {
    find_all(bytes, b"OUBPTR01").filter_map(|found| {
        let mut fields = Fields(found);
        fields.take(8 + 16)?;
        let generation = fields.u64()?;
        fields.u64()?;
        let root_page = fields.array()?;
        fields.take(4)?;
        Some(Pointer { generation, root_page, salt: fields.array()? })
    })
}

/// The key of the root page that a pointer names, if `root` is the secret of its time.
pub fn root_page_key(root: &Key, pointer: &Pointer) -> Option<Key> {
    let root = RootKey::from_slice(root).ok()?;
    Some(*kdf::derive_root_page_key(&root, &pointer.salt, pointer.generation).expose())
}

/// Every `M` that some choice of one share from each cell gives, over all vaults the cells belong to.
pub fn roots(cells: &[Vec<u8>]) -> Vec<Key> {
    let cells: Vec<Cell> = cells.iter().filter_map(|bytes| Cell::read(bytes)).collect();
    let Some(first) = cells.first() else { return Vec::new() };
    let mut choices: Vec<Vec<CellShare>> = vec![Vec::new()];
    for index in 0..first.number {
        let shares = cells.iter().filter(|cell| cell.index == index).flat_map(|cell| &cell.shares);
        choices = shares.flat_map(|share| extend(&choices, share)).collect();
    }
    let vault = first.vault;
    let root = |shares: &Vec<CellShare>| kdf::derive_root_key(&shares.iter().collect::<Vec<_>>(), &vault);
    choices.iter().filter_map(|shares| Some(*root(shares).ok()?.expose())).collect()
}

/// Each choice with one more share.
fn extend(choices: &[Vec<CellShare>], share: &CellShare) -> Vec<Vec<CellShare>> {
    let copy = |share: &CellShare| CellShare::from_slice(share.expose());
    let extended = choices.iter().map(|chosen| chosen.iter().chain([share]).map(copy).collect());
    extended.filter_map(Result::ok).collect()
}

struct Cell {
    vault: VaultId,
    index: u8,
    number: u8,
    shares: Vec<CellShare>,
}

impl Cell {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Fields(bytes);
        header.take(8 + 1)?;
        let (index, number) = (header.u8()?, header.u8()?);
        header.take(5)?;
        let vault = VaultId(header.array()?);
        Some(Self { vault, index, number, shares: find_all(bytes, b"OUBSHARE").filter_map(share).collect() })
    }
}

/// The share of a slot, whatever its check sum says.
pub fn share(slot: &[u8]) -> Option<CellShare> {
    let masked: [u8; 32] = slot.get(32..64)?.try_into().ok()?;
    let randomness = slot.get(4096..20_480)?;
    let mask = Sha256::new().chain_update(labels::CELL_MASK).chain_update(randomness).finalize();
    let share: Vec<u8> = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    CellShare::from_slice(&share).ok()
}
