//! `oubliette subject`

use std::path::PathBuf;

use oubliette_client::{ExportAsked, SubjectFacts};
use oubliette_service::operator::{Answer, Command as Operator};
use serde_json::json;

use crate::{config::Settings, error::CliError, folder, output::Output};

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
        /// Where it is taken to [default: the vault's own region]; another region needs the person's consent
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
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
        Command::Export { user, to, lang, region } => {
            let asked = ExportAsked { language: lang, region };
            return super::export::run(&user, &to, &asked, settings, output);
        }
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
            let mut lines = vec![
                format!("{} at {}", record.state, record.erased_at),
                format!("root generation {} -> {}", record.generation_before, record.generation_after),
                format!("root before {}", record.root_before),
                format!("root after  {}", record.root_after),
                format!("cell class {}, operations drained {}", record.cell_class, record.leases_drained),
            ];
            lines.extend(record.receipt.iter().flat_map(|receipt| receipt.lines()).map(str::to_owned));
            lines.extend(record.job.iter().map(|job| format!("job         {job}")));
            lines.extend(
                record
                    .salt
                    .iter()
                    .map(|salt| format!("salt        {salt}  (told once: keep it with the receipt)")),
            );
            lines
        }),
        _ => {
            return Err(CliError::Usage(
                "the service answered something else; use the same version".to_owned(),
            ));
        }
    }
    Ok(())
}
