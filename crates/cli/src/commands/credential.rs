//! `oubliette credential`: secrets come from a file or standard input, never from the command line.

use std::{fs, io, path::PathBuf};

use oubliette_client::{ConsentGiven, SteamSecrets};

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Store the secrets of a Steam account
    Set {
        user: String,
        account: String,
        /// A file of JSON: password, refresh_token, shared_secret, identity_secret, device_id, revocation_code [default:
        /// standard input]
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Record the person's consent first, with this as its evidence
        #[arg(long, value_name = "EVIDENCE")]
        consent: Option<String>,
    },
    /// A Steam Guard code
    Code { user: String, account: String },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    match command {
        Command::Set { user, account, from, consent } => {
            let secrets = read(from)?;
            if let Some(evidence) = consent {
                let given = ConsentGiven { evidence: Some(evidence), ..ConsentGiven::default() };
                client.give_consent(&user, "steam_credentials", &given)?;
            }
            let stored = client.put_steam(&user, &account, &secrets)?;
            output.result(&stored, || vec![format!("stored: {}", stored.fields.join(", "))]);
        }
        Command::Code { user, account } => {
            let code = client.guard_code(&user, &account)?;
            output.result(&code, || vec![format!("{} (until {})", code.code, code.valid_until)]);
        }
    }
    Ok(())
}

fn read(from: Option<PathBuf>) -> Result<SteamSecrets, CliError> {
    let (text, name) = match &from {
        Some(path) => {
            (fs::read(path).map_err(CliError::io("reading the secrets", path))?, path.display().to_string())
        }
        None => {
            let mut text = Vec::new();
            io::Read::read_to_end(&mut io::stdin(), &mut text)
                .map_err(CliError::io("reading the secrets", "standard input"))?;
            (text, "standard input".to_owned())
        }
    };
    let text = zeroize::Zeroizing::new(text);
    // The parser's own message might repeat a value.
    serde_json::from_slice(&text).map_err(|error| {
        CliError::Usage(format!(
            "{name}: not a JSON object of Steam secrets (line {}, column {}); the fields are password, refresh_token, \
             shared_secret, identity_secret, device_id, revocation_code",
            error.line(),
            error.column()
        ))
    })
}
