//! `oubliette credential release`: what a host does, by hand.

use std::path::PathBuf;

use oubliette_client::{Client, ReleaseAsked};

use super::keys;
use crate::{error::CliError, output::Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    user: String,
    account: String,
    /// A field to release, such as refresh_token; can be repeated
    #[arg(long = "field", required = true, value_name = "FIELD")]
    fields: Vec<String>,
    /// What for; the person sees it
    #[arg(long)]
    purpose: String,
    /// The file of the private key whose public half is registered with the token
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name under which it is registered [default: its id]
    #[arg(long, value_name = "NAME")]
    recipient: Option<String>,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), CliError> {
    let Arguments { user, account, fields, purpose, key, recipient } = arguments;
    let key = keys::read(key)?;
    let asked =
        ReleaseAsked { fields: fields.clone(), purpose: purpose.clone(), recipient: recipient.clone() };
    let released = client.release(user, account, &asked, &key)?;
    // The secrets are what was asked for: as JSON in both forms, so that any value stands on lines of its own.
    output
        .result(&released.secrets, || serde_json::to_string_pretty(&released.secrets).into_iter().collect());
    Ok(())
}
