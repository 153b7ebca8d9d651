//! Key pairs that secrets are released to. The private half lies in a file of its own, 0600, as base64url and a line feed.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use data_encoding::BASE64URL_NOPAD;
use oubliette_client::ReleaseKey;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{error::CliError, output::Output};

/// Longer than any key in base64url.
const MAX_FILE: u64 = 256;

/// Makes a pair and prints the public half.
pub(super) fn generate(file: &Path, output: &Output) -> Result<(), CliError> {
    let key = ReleaseKey::generate().map_err(|error| CliError::Usage(error.to_string()))?;
    let mut text = Zeroizing::new(String::with_capacity(64));
    BASE64URL_NOPAD.encode_append(key.expose(), &mut text);
    text.push('\n');
    let io = |source| CliError::io("writing the private key", file)(source);
    // A file that is there might be another pair's only private half.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(io)?;
    out.write_all(text.as_bytes()).map_err(io)?;
    out.sync_all().map_err(io)?;
    let public = key.public();
    let (text, id) = (BASE64URL_NOPAD.encode(public.as_bytes()), public.id().to_string());
    output.result(&json!({ "release_key": text, "id": id }), || vec![text.clone()]);
    Ok(())
}

/// A private half that [`generate`] wrote.
pub(super) fn read(file: &Path) -> Result<ReleaseKey, CliError> {
    let io = |source| CliError::io("reading the private key", file)(source);
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize));
    File::open(file).map_err(io)?.take(MAX_FILE).read_to_end(&mut text).map_err(io)?;
    let bytes = BASE64URL_NOPAD.decode(text.trim_ascii()).map(Zeroizing::new);
    bytes.ok().and_then(|bytes| ReleaseKey::from_slice(&bytes).ok()).ok_or_else(|| {
        CliError::Usage(format!("{}: no private key of `oubliette credential keygen`", file.display()))
    })
}
