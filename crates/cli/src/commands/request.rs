//! `oubliette request`: what people ask for under their rights, and by when it is due.

use clap::ValueEnum;
use oubliette_client::{PersonRequest, RequestMade};
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Note that a person asks for something
    Add {
        user: String,
        kind: Kind,
        /// When it was received, RFC 3339 [default: now]
        #[arg(long, value_name = "TIME")]
        received: Option<String>,
        /// In the person's words
        #[arg(long)]
        detail: Option<String>,
    },
    /// A person's requests; without a person everybody's that have no answer, with the day each is due
    List { user: Option<String> },
    /// Note the answer to a request
    Answer {
        user: String,
        id: u64,
        #[arg(long)]
        outcome: Outcome,
        /// What was answered
        #[arg(long)]
        detail: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Access,
    Correction,
    Deletion,
    Restriction,
    Portability,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Outcome {
    Granted,
    Refused,
    Withdrawn,
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    let noted = match command {
        Command::List { user } => {
            let listed = match &user {
                Some(user) => client.requests(user)?,
                None => client.open_requests()?,
            };
            output.result(&json!({ "requests": listed }), || listed.iter().map(line).collect());
            return Ok(());
        }
        Command::Add { user, kind, received, detail } => {
            client.add_request(&user, &RequestMade { kind: name(kind), received, detail })?
        }
        Command::Answer { user, id, outcome, detail } => {
            client.answer_request(&user, id, &name(outcome), detail.as_deref())?
        }
    };
    output.result(&noted, || vec![line(&noted)]);
    Ok(())
}

fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn line(request: &PersonRequest) -> String {
    let user = request.user.iter().map(|user| format!("{user}\t")).collect::<String>();
    let late = if request.overdue == Some(true) { " OVERDUE" } else { "" };
    let state = match &request.answer {
        Some(answer) => format!("{} {}", answer.outcome, answer.time),
        None => format!("due {}{late}", request.due),
    };
    format!("{user}{}\t{}\treceived {}\t{state}", request.id, request.kind, request.received)
}
