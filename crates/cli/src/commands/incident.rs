//! `oubliette incident report`

use oubliette_service::{
    Tokens,
    incident::{self, Incident, Question},
    operator::{Answer, Command as Operator},
};

use crate::{config::Settings, error::CliError, folder, output::Output, output::stdout};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Whose data a token or a time span could have touched, and whose it did touch, from the audit log
    Report(Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The token's name
    #[arg(long, value_name = "NAME", required_unless_present_any = ["from", "to"])]
    token: Option<String>,
    /// Not before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// As a table of who was touched, or whole [default: text, or what --json says]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Add the user ids of those who still live; opens the vault
    #[arg(long)]
    resolve: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Command::Report(arguments) = command;
    let time = |name: &str, text: Option<String>| {
        let bad = || CliError::Usage(format!("--{name} must be a time such as 2026-01-31T00:00:00Z"));
        text.map(|text| oubliette_service::parse_time(&text).ok_or_else(bad)).transpose()
    };
    let question = Question {
        token: arguments.token,
        from: time("from", arguments.from)?,
        to: time("to", arguments.to)?,
    };
    let ledger = settings.data.join("ledger");
    if !ledger.exists() {
        return Err(CliError::Usage(format!(
            "there is no audit log in {}; name the vault's folder with --data",
            settings.data.display()
        )));
    }
    let incident = if arguments.resolve {
        match folder::operate(settings, &Operator::IncidentReport { question })? {
            Answer::Incident(incident) => *incident,
            _ => {
                return Err(CliError::Usage(
                    "the service answered something else; use the same version".to_owned(),
                ));
            }
        }
    } else {
        // Also of a vault that cannot be opened any more.
        let tokens = Tokens::open(&settings.data).list().unwrap_or_default();
        incident::report(&ledger, &tokens, &question)?
    };
    match arguments.format {
        Some(Format::Csv) => stdout(incident.csv().trim_end()),
        Some(Format::Json) => stdout(&serde_json::to_string_pretty(&incident).unwrap_or_default()),
        None => output.result(&incident, || text(&incident)),
    }
    Ok(())
}

fn text(incident: &Incident) -> Vec<String> {
    let mut lines = vec![format!(
        "could have read: {}; could have changed: {}",
        listed(&incident.could_touch.read),
        listed(&incident.could_touch.write)
    )];
    lines.extend(incident.could_touch.people.map(|people| format!("of each of {people} people")));
    lines.push(format!("did touch {} people", incident.people_touched));
    for touch in &incident.touched {
        let who = touch.user.as_deref().unwrap_or(&touch.subject);
        let by = if touch.token.is_empty() { &touch.actor } else { &touch.token };
        lines.push(format!(
            "{who} by {by}: {} ({} done, {} refused, {} failed; {} to {})",
            touch.operation, touch.allowed, touch.refused, touch.failed, touch.first, touch.last
        ));
    }
    lines.extend(incident.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines
}

fn listed(classes: &[String]) -> String {
    if classes.is_empty() { "nothing".to_owned() } else { classes.join(" ") }
}
