//! `oubliette witness`: for a second machine, which remembers what a vault's log was and signs only what grew from it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use oubliette_client::Client;
use oubliette_store::translog::{
    Checkpoint, ConsistencyProof, LogError, Note, VerifierKey, Witness, WitnessKey,
};
use oubliette_store::{Clock, SystemClock};
use serde_json::json;

use super::receipt::{key_text, read};
use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a witness's key: the private half into a file, the public one on the screen, for the vault's setting log.witnesses
    Keygen {
        /// The witness's name, best that of its machine, such as witness.example/1
        #[arg(long)]
        name: String,
        /// The file to write, which must not be there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Fetch the newest checkpoint, check that the log only grew since the last one, sign it, and give it back; exit code 5 if it went back or was forked
    Cosign {
        /// The witness's private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The vault's public key (`oubliette status` shows it), as a file or the text itself; take it once, on a way of its own
        #[arg(long, value_name = "KEY")]
        log: String,
        /// Where the witness keeps what it saw last
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// A proof in a file (GET /v1/log/consistency) instead of the service at --url
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Also write the signed checkpoint here, for `oubliette log cosigned`
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Keygen { name, to } => {
            let key = WitnessKey::generate(&name)?;
            write_private(&to, key.private().as_bytes())?;
            let public = key.verifier().map_err(untrue)?.to_string();
            output.result(&json!({ "public_key": public }), || vec![public.clone()]);
        }
        Command::Cosign { key, log, state, proof, to } => {
            let text = zeroize::Zeroizing::new(read(&key)?);
            let key = WitnessKey::parse(&text).map_err(|error| CliError::Usage(error.to_string()))?;
            let log = key_text(&log)?;
            let witness = Witness { key: &key, log: &log, file: &state };
            let seen = witness.seen()?.size();
            let client = if proof.is_none() { Some(super::client(settings)?) } else { None };
            let text = match (&proof, &client) {
                (Some(file), _) => read(file)?,
                (None, Some(client)) => fetch(client, &log, seen)?,
                (None, None) => String::new(),
            };
            let proof = ConsistencyProof::parse(&text).map_err(untrue)?;
            let now = SystemClock.now_micros() / 1_000_000;
            let note = witness.cosign(&proof, now)?;
            let size = Checkpoint::open(&note, &log).map_err(untrue)?.size;
            if let Some(file) = &to {
                fs::write(file, note.to_string()).map_err(CliError::io("writing", file))?;
            }
            if let Some(client) = client {
                client.put_cosigned(&note.to_string())?;
            }
            output.result(&json!({ "seen": seen, "entries": size, "time": now }), || {
                vec![format!("the log grew from {seen} to {size} entries and is signed")]
            });
        }
    }
    Ok(())
}

/// The proof from what was seen; a log that is shorter now has none.
fn fetch(client: &Client, log: &VerifierKey, seen: u64) -> Result<String, CliError> {
    let newest = Note::parse(&client.log_checkpoint()?).map_err(untrue)?;
    let got = Checkpoint::open(&newest, log).map_err(untrue)?.size;
    if got < seen {
        return Err(untrue(LogError::RolledBack { seen, got }));
    }
    Ok(client.log_consistency(seen)?)
}

fn untrue(error: LogError) -> CliError {
    CliError::Untrue(error.to_string())
}

fn write_private(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).and_then(|mut to| {
            to.write_all(bytes)?;
            to.sync_all()
        });
    written.map_err(CliError::io("writing the private key", file))
}
