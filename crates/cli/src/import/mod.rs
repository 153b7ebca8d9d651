//! Credentials out of other programs' files: maFiles of SteamDesktopAuthenticator, plain or encrypted, and Steam's own login files.
//!
//! Everything is read and understood before anything is stored, so that a damaged file imports nothing. What was read stays in
//! memory that is wiped; nothing is written to disk. Errors name a file and what is wrong with it, and quote nothing.

mod encrypted;
mod mafile;
mod source;
mod vdf;

use std::path::PathBuf;

use oubliette_client::SteamSecrets;
use zeroize::Zeroizing;

pub(crate) use mafile::fuzz as fuzz_mafile;
pub(crate) use vdf::fuzz as fuzz_vdf;

/// Why files could not be read as credentials.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}; nothing was imported", file.display())]
pub(crate) struct ImportError {
    file: PathBuf,
    what: String,
}

/// What is wrong with a text, without its file.
type Bad = String;

/// What was found of one account.
pub(crate) struct Found {
    pub(crate) account: String,
    pub(crate) secrets: SteamSecrets,
    /// The files that it was found in, as they were named.
    pub(crate) files: Vec<PathBuf>,
}

/// Everything that was found.
pub(crate) struct Gathered {
    /// By account, in the order of the files.
    pub(crate) accounts: Vec<Found>,
    /// What the files hold and cannot be imported, in words.
    pub(crate) left_out: Vec<String>,
}

/// What one text holds: accounts and their secrets.
struct Parsed {
    accounts: Vec<(String, SteamSecrets)>,
    left_out: Option<&'static str>,
}

/// Asks for the pass-phrase of encrypted maFiles; called at most once.
pub(crate) type Ask<'a> = &'a mut dyn FnMut() -> Result<Zeroizing<String>, crate::error::CliError>;

/// Reads all files; those that a manifest names count as named.
pub(crate) fn gather(files: &[PathBuf], ask: Ask<'_>) -> Result<Gathered, crate::error::CliError> {
    let mut gathered = Gathered { accounts: Vec::new(), left_out: Vec::new() };
    for (file, parsed) in source::read_all(files, ask)? {
        for (account, secrets) in parsed.accounts {
            gathered.add(&file, account, secrets)?;
        }
        gathered.left_out.extend(parsed.left_out.map(|what| format!("{}: {what}", file.display())));
    }
    Ok(gathered)
}

impl Gathered {
    /// Steam's names of accounts know no upper case, but a maFile may have kept how it was typed.
    fn add(&mut self, file: &PathBuf, account: String, secrets: SteamSecrets) -> Result<(), ImportError> {
        match self.accounts.iter_mut().find(|found| found.account.eq_ignore_ascii_case(&account)) {
            None => self.accounts.push(Found { account, secrets, files: vec![file.clone()] }),
            Some(found) => {
                mafile::join(&mut found.secrets, secrets).map_err(|field| ImportError {
                    file: file.clone(),
                    what: format!(
                        "another file says another `{field}` of the same account; import one of the two"
                    ),
                })?;
                if !found.files.contains(file) {
                    found.files.push(file.clone());
                }
            }
        }
        Ok(())
    }
}
