//! `oubliette subject`

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use oubliette_client::SubjectFacts;
use oubliette_service::operator::{Answer, Command as Operator};
use serde_json::json;

use crate::{
    config::Settings,
    error::CliError,
    folder,
    output::{Output, Progress},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Create a person, through the service
    Create {
        user: String,
        /// Where their content belongs
        #[arg(long)]
        region: Option<String>,
        /// The year of birth: who may be under 14 needs a guardian's consent
        #[arg(long, value_name = "YEAR")]
        birth_year: Option<u16>,
        /// What shows a guardian's consent
        #[arg(long, value_name = "REFERENCE")]
        guardian_consent: Option<String>,
        /// Also after an erasure under this id
        #[arg(long)]
        reopen: bool,
    },
    /// State, region and usage; no content
    Show { user: String },
    /// Everything the vault holds of a person, as a ZIP; no secrets of credentials
    Export {
        user: String,
        /// The file to write, which must not be there yet. It is not encrypted
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Language of the README [default: both]
        #[arg(long, value_parser = ["en", "zh"])]
        lang: Option<String>,
    },
    /// Erase a person at once: their keys are destroyed, and every copy of their content becomes noise
    Erase {
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let answer = match command {
        Command::Create { user, region, birth_year, guardian_consent, reopen } => {
            let facts = SubjectFacts { region, birth_year, guardian_consent, ..SubjectFacts::default() };
            let subject = super::client(settings)?.put_subject(&user, &facts, reopen)?;
            let value = json!({ "user": subject.user, "state": subject.state, "created": subject.created });
            output.result(&value, || vec![format!("{}, created {}", subject.state, subject.created)]);
            return Ok(());
        }
        Command::Export { user, to, lang } => return export(&user, &to, lang.as_deref(), settings, output),
        Command::Show { user } => folder::operate(settings, &Operator::SubjectShow { user })?,
        Command::Erase { user, yes } => {
            output.confirm(yes, "Erase this person and everything the vault holds of them?")?;
            folder::operate(settings, &Operator::SubjectErase { user })?
        }
    };
    match answer {
        Answer::Subject(subject) => output.result(&subject, || {
            let mut lines = vec![format!("{}, created {}", subject.state, subject.created)];
            lines.extend(subject.region.iter().map(|region| format!("region {region}")));
            lines.extend(
                subject
                    .usage
                    .iter()
                    .map(|(class, items, bytes)| format!("{class}: {items} items, {bytes} bytes")),
            );
            lines
        }),
        Answer::Erased(record) => output.result(&record, || {
            vec![
                format!("{} at {}", record.state, record.erased_at),
                format!("root generation {} -> {}", record.generation_before, record.generation_after),
                format!("root before {}", record.root_before),
                format!("root after  {}", record.root_after),
                format!("cell class {}, operations drained {}", record.cell_class, record.leases_drained),
            ]
        }),
        Answer::Fsck(_) | Answer::Status(_) | Answer::Incident(_) => {
            return Err(CliError::Usage(
                "the service answered something else; use the same version".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Writes beside the file and renames at the end: what bears the name is whole.
fn export(
    user: &str,
    to: &Path,
    lang: Option<&str>,
    settings: &Settings,
    output: &Output,
) -> Result<(), CliError> {
    if to.exists() {
        return Err(CliError::Usage(format!("{} is there already; name another file", to.display())));
    }
    let client = super::client(settings)?;
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    // Left by an export that was interrupted.
    let _ = fs::remove_file(&part);
    let file = File::options().write(true).create_new(true).mode(0o600).open(&part);
    let mut file = Watched {
        file: file.map_err(CliError::io("writing the export", &part))?,
        done: 0,
        bar: Progress::bytes(None),
    };
    let written = client.export(user, lang, &mut file).map_err(CliError::from).and_then(|bytes| {
        file.file.sync_all().map_err(CliError::io("writing the export", &part))?;
        fs::rename(&part, to).map_err(CliError::io("writing the export", to))?;
        Ok(bytes)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    let bytes = written?;
    let value = json!({ "file": to.display().to_string(), "bytes": bytes });
    output.result(&value, || vec![format!("{bytes} bytes in {}, not encrypted: keep it safe", to.display())]);
    Ok(())
}

/// Shows how far it is.
struct Watched {
    file: File,
    done: u64,
    bar: Progress,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.done += written as u64;
        self.bar.at("bytes received", self.done);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
