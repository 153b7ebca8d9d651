//! `oubliette credential`: secrets come from a file or standard input, never from the command line.

mod import;
mod keys;
mod release;

use std::{fs, io, path::PathBuf};

use oubliette_client::{Account, Client, ConsentGiven, SteamSecrets};
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Store the secrets of a Steam account
    Set {
        user: String,
        account: String,
        /// A file of JSON: password, refresh_token, shared_secret, identity_secret, device_id, revocation_code, ... [default:
        /// standard input]
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Keep the stored fields that the file does not name, instead of forgetting them
        #[arg(long)]
        merge: bool,
        /// Record the person's consent first, with this as its evidence
        #[arg(long, value_name = "EVIDENCE")]
        consent: Option<String>,
    },
    /// Store what other programs' files hold: maFiles (plain, or encrypted with their manifest.json), loginusers.vdf, config.vdf
    Import(import::Arguments),
    /// Which accounts and fields are stored, and when they were last used and what for; no secrets
    List { user: String },
    /// A Steam Guard code
    Code {
        user: String,
        account: String,
        /// Seconds by which Steam's clock is ahead of the vault's
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        offset: i64,
    },
    /// A key for a confirmation
    Confirm {
        user: String,
        account: String,
        /// What Steam is asked: conf, details, allow, cancel, ...
        tag: String,
        /// Seconds by which Steam's clock is ahead of the vault's
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        offset: i64,
    },
    /// Make a key pair that secrets can be released to; the public half is printed, for `token create --release-key`
    Keygen {
        /// Where to put the private half; the file must not be there yet
        file: PathBuf,
    },
    /// Have fields sealed to a key and open them
    Release(release::Arguments),
    /// Forget an account
    Rm {
        user: String,
        account: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    // Of all these this one alone asks no service.
    if let Command::Keygen { file } = &command {
        return keys::generate(file, output);
    }
    let client = super::client(settings)?;
    match command {
        Command::Keygen { .. } => {}
        Command::Set { user, account, from, merge, consent } => {
            let secrets = read(from)?;
            give_consent(&client, &user, consent)?;
            let stored = if merge {
                client.merge_steam(&user, &account, &secrets)?
            } else {
                client.put_steam(&user, &account, &secrets)?
            };
            output.result(&stored, || vec![format!("stored: {}", stored.fields.join(", "))]);
        }
        Command::Import(arguments) => return import::run(arguments, &client, output),
        Command::List { user } => {
            let accounts = client.steam_accounts(&user)?;
            output.result(&json!({ "credentials": accounts }), || accounts.iter().flat_map(lines).collect());
        }
        Command::Code { user, account, offset } => {
            let code = client.guard_code_at(&user, &account, offset)?;
            output.result(&code, || {
                let then = code.next.iter().map(|next| format!("then {next}"));
                std::iter::once(format!("{} (until {})", code.code, code.valid_until)).chain(then).collect()
            });
        }
        Command::Confirm { user, account, tag, offset } => {
            let key = client.confirmation_key(&user, &account, &tag, offset)?;
            output.result(&key, || vec![format!("{} (time {})", key.key, key.time)]);
        }
        Command::Release(arguments) => return release::run(&arguments, &client, output),
        Command::Rm { user, account, yes } => {
            output.confirm(yes, "The account with all its secrets will be forgotten.")?;
            client.forget_steam(&user, &account)?;
            output.result(&json!({ "state": "erased" }), || vec!["erased".to_owned()]);
        }
    }
    Ok(())
}

fn lines(account: &Account) -> Vec<String> {
    let mut lines =
        vec![format!("{}\t{}\tsince {}", account.account, account.fields.join(", "), account.updated)];
    lines.extend(account.uses.iter().map(|used| {
        let to = used.recipient.iter().map(|recipient| format!(" to {recipient}"));
        let purpose = used.purpose.iter().map(|purpose| format!(" for {purpose}"));
        format!("\t{}{} last {}", used.kind, to.chain(purpose).collect::<String>(), used.time)
    }));
    lines
}

fn give_consent(client: &Client, user: &str, evidence: Option<String>) -> Result<(), CliError> {
    if evidence.is_some() {
        let given = ConsentGiven { evidence, ..ConsentGiven::default() };
        client.give_consent(user, "steam_credentials", &given)?;
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
             shared_secret, identity_secret, device_id, revocation_code and what else `docs/credentials.md` names",
            error.line(),
            error.column()
        ))
    })
}
