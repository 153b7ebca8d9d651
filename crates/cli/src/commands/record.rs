//! `oubliette record`

use std::path::PathBuf;

use serde_json::json;

use super::save::{open, write};
use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Store a file as a record, in place of what it was before
    Put {
        user: String,
        purpose: String,
        id: String,
        /// The file; - is standard input
        file: PathBuf,
        /// Its media type
        #[arg(long, value_name = "TYPE", default_value = "application/octet-stream")]
        content_type: String,
    },
    /// Read a record
    Get {
        user: String,
        purpose: String,
        id: String,
        /// Write it here [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// The person's records
    List {
        user: String,
        /// Only of this purpose
        purpose: Option<String>,
    },
    /// Forget a record
    Rm {
        user: String,
        purpose: String,
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    match command {
        Command::Put { user, purpose, id, file, content_type } => {
            let (mut content, length) = open(&file)?;
            let stored = client.put_record(&user, &purpose, &id, &content_type, &mut content, length)?;
            output.result(&stored, || vec![format!("version {}, {} bytes", stored.version, stored.size)]);
        }
        Command::Get { user, purpose, id, out } => {
            write(&mut client.record(&user, &purpose, &id)?, out.as_deref())?;
        }
        Command::List { user, purpose } => {
            let mut records = Vec::new();
            let mut cursor = None;
            loop {
                let page = client.records(&user, purpose.as_deref(), cursor.as_deref())?;
                records.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            output.result(&json!({ "records": records }), || {
                let line = |record: &oubliette_client::Record| {
                    let kind = record.content_type.as_deref().unwrap_or_default();
                    format!(
                        "{}\t{}\t{} bytes\t{}\t{kind}",
                        record.purpose, record.id, record.size, record.created
                    )
                };
                records.iter().map(line).collect()
            });
        }
        Command::Rm { user, purpose, id, yes } => {
            output.confirm(yes, "Forget this record in every copy?")?;
            let state = client.forget_record(&user, &purpose, &id)?.as_str();
            output.result(&json!({ "state": state }), || vec![state.to_owned()]);
        }
    }
    Ok(())
}
