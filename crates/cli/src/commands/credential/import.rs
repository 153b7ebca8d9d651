//! `oubliette credential import`: what other programs kept, into the vault, account by account.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use oubliette_client::Client;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    error::CliError,
    import::{self, Gathered},
    output::{Output, stderr},
};

/// No pass-phrase is longer.
const MAX_PASSPHRASE: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// maFiles, manifest.json (then also the maFiles that it names), loginusers.vdf, config.vdf
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose credentials they are
    #[arg(long)]
    user: String,
    /// Only this account of those in the files; can be repeated
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// The file whose first line is the pass-phrase of encrypted maFiles [default: asked for on the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Record the person's consent first, with this as its evidence
    #[arg(long, value_name = "EVIDENCE")]
    consent: Option<String>,
    /// Say what would be stored, and store nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of one account.
#[derive(Serialize)]
struct Line {
    account: String,
    /// Names of what was found.
    fields: Vec<String>,
    files: Vec<PathBuf>,
    /// `stored`, `found` (nothing was to be stored) or `refused`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Report {
    accounts: Vec<Line>,
    left_out: Vec<String>,
}

pub(super) fn run(arguments: Arguments, client: &Client, output: &Output) -> Result<(), CliError> {
    let Arguments { files, user, accounts, passphrase_file, consent, dry_run } = arguments;
    let mut ask = || passphrase(passphrase_file.as_deref());
    let Gathered { accounts: mut found, left_out } = import::gather(&files, &mut ask)?;
    if !accounts.is_empty() {
        found.retain(|found| accounts.iter().any(|account| account.eq_ignore_ascii_case(&found.account)));
    }
    if found.is_empty() {
        let told = left_out.join("; ");
        return Err(CliError::Usage(format!("the files hold no account to import; {told}")));
    }
    if !dry_run {
        super::give_consent(client, &user, consent)?;
    }
    let mut report = Report { accounts: Vec::new(), left_out };
    let mut first_refusal = None;
    for found in found {
        let import::Found { account, secrets, files } = found;
        let (state, error) = if dry_run {
            ("found", None)
        } else {
            match client.merge_steam(&user, &account, &secrets) {
                Ok(_) => ("stored", None),
                Err(error) => {
                    let error = CliError::from(error);
                    first_refusal.get_or_insert(error.exit_code());
                    ("refused", Some(error.to_string()))
                }
            }
        };
        report.accounts.push(Line { account, fields: names(&secrets), files, state, error });
    }
    output.result(&report, || report.lines());
    let refused = report.accounts.iter().filter(|line| line.error.is_some()).count();
    match first_refusal {
        Some(exit_code) => Err(CliError::PartlyImported { refused, all: report.accounts.len(), exit_code }),
        None => Ok(()),
    }
}

impl Report {
    fn lines(&self) -> Vec<String> {
        let accounts = self.accounts.iter().map(|line| {
            let files: Vec<_> = line.files.iter().map(|file| file.display().to_string()).collect();
            let error = line.error.iter().map(|error| format!(": {error}")).collect::<String>();
            let (fields, files) = (line.fields.join(", "), files.join(", "));
            format!("{}: {}{error} ({fields}; from {files})", line.account, line.state)
        });
        accounts.chain(self.left_out.iter().cloned()).collect()
    }
}

fn names(secrets: &oubliette_client::SteamSecrets) -> Vec<String> {
    // Only the keys are looked at; the values are wiped with the map.
    let json = serde_json::to_vec(secrets).map(Zeroizing::new).unwrap_or_default();
    let names: std::collections::BTreeMap<String, serde::de::IgnoredAny> =
        serde_json::from_slice(&json).unwrap_or_default();
    names.into_keys().collect()
}

fn passphrase(file: Option<&Path>) -> Result<Zeroizing<String>, CliError> {
    let Some(file) = file else {
        if !io::stdin().is_terminal() {
            return Err(CliError::Usage(
                "a maFile is encrypted: say --passphrase-file where nobody can be asked".to_owned(),
            ));
        }
        stderr("The maFiles are encrypted.");
        let asked = rpassword::prompt_password("Pass-phrase: ");
        return asked.map(Zeroizing::new).map_err(CliError::io("asking for the pass-phrase", "the terminal"));
    };
    let io = |source| CliError::io("reading the pass-phrase", file)(source);
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE as usize));
    File::open(file).map_err(io)?.take(MAX_PASSPHRASE).read_to_end(&mut text).map_err(io)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line)
        .map_err(|_| CliError::Usage(format!("{}: the pass-phrase is not UTF-8", file.display())))?;
    Ok(Zeroizing::new(text.to_owned()))
}
