//! `oubliette escrow recover`

use std::path::PathBuf;

use oubliette_store::escrow::holder::OpenedShare;
use oubliette_store::{AuditKind, RecoverFrom, Vault};
use serde_json::json;

use super::read;
use crate::{
    config::Settings,
    error::CliError,
    folder,
    output::{Output, Progress},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The escrow's folder
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// A share that a holder opened, of `escrow holder open`; again for each
    #[arg(long = "share", value_name = "FILE", required = true)]
    shares: Vec<PathBuf>,
    /// The folder of the vault that lost its keys: rows, ledger and tokens are taken from it, cells left in it are wiped
    #[arg(long, value_name = "DIR", required_unless_present = "ledger")]
    from: Option<PathBuf>,
    /// The newest copy of the ledger, if it is not in that folder
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// A folder with rows, anchor and blobs, if they are not in that folder
    #[arg(long, value_name = "DIR")]
    rows: Option<PathBuf>,
    /// Take no rows: the vault has keys alone, and rows are restored from a backup
    #[arg(long, conflicts_with = "rows")]
    keys_only: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Arguments { store, shares, from: old, ledger, rows, keys_only, yes } = arguments;
    let question = match &old {
        Some(old) => format!(
            "The vault is made anew in {} from the escrow; cells that are left in {} are wiped.",
            settings.data.display(),
            old.display()
        ),
        None => format!("The vault is made anew in {} from the escrow.", settings.data.display()),
    };
    output.confirm(yes, &question)?;
    let shares = shares
        .iter()
        .map(|path| Ok(OpenedShare::parse(&zeroize::Zeroizing::new(read(path)?))?))
        .collect::<Result<Vec<_>, CliError>>()?;
    let ledger = ledger.or_else(|| old.as_ref().map(|old| old.join("ledger")));
    let ledger = ledger
        .ok_or_else(|| CliError::Usage("name the ledger by --ledger, or the folder by --from".to_owned()))?;
    let rows = if keys_only { None } else { rows.or_else(|| old.clone()) };
    let from = RecoverFrom { store, shares, ledger, rows, old };
    let mut progress = Progress::steps();
    let (vault, done) =
        Vault::recover(&settings.data, &from, &folder::options(settings)?, &mut |what, n| {
            progress.at(what, n)
        })?;
    drop(progress);
    let recorded = folder::record(&vault, "escrow recover", AuditKind::Done, 200);
    let closed = vault.close();
    recorded?;
    closed?;
    let keys = done.keys;
    let value = json!({
        "vault": done.vault, "people": keys.people, "erased_again": keys.erased_again, "cut_again": keys.cut_again, "lost": done.lost,
        "unknown": keys.unknown, "from_generation": keys.from_generation, "known_generation": keys.known_generation,
        "generation": keys.generation, "notes": done.notes,
    });
    output.result(&value, || {
        let mut lines = vec![
            format!("the vault is in {} now, at root generation {}", settings.data.display(), keys.generation),
            format!("{} people are there", keys.people),
            format!("{} were erased since the root in escrow was sealed, and are erased again", keys.erased_again),
            format!("of {} something was forgotten since, and is forgotten again", keys.cut_again),
            format!("{} were created since: they are lost, and so are their rows", done.lost),
        ];
        let since = keys.known_generation.saturating_sub(keys.from_generation);
        if since > 0 {
            lines.push(format!(
                "{since} generations came after that root: what restricted somebody since and forgot nothing (a block, a hold, a switch) is lost with them; look at it"
            ));
        }
        lines.push("let every holder destroy what they opened, and their keys of that window as soon as it is over".to_owned());
        lines.extend(done.notes.iter().map(|note| format!("note: {note}")));
        lines
    });
    Ok(())
}
