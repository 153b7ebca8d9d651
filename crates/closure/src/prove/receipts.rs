//! Which receipt belongs to which random name, from the ledger's own file (docs/formats.md, section 13).

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use data_encoding::HEXLOWER;

use crate::ProveError;
use crate::carve::io;
use crate::fields::{Fields, find_all};

const MAGIC: &[u8] = b"OUBR\x01";

/// Receipts by handle, the newest of each. None where there is no such file.
pub(super) fn read(path: &Path) -> Result<HashMap<[u8; 16], String>, ProveError> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        read => read.map_err(io("reading the receipts", path))?,
    };
    Ok(find_all(&bytes, MAGIC).filter_map(one).collect())
}

fn one(record: &[u8]) -> Option<([u8; 16], String)> {
    let mut fields = Fields(record);
    fields.take(12)?;
    let handle = fields.array()?;
    let id: [u8; 16] = fields.array()?;
    Some((handle, HEXLOWER.encode(&id)))
}
