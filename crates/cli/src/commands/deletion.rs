//! `oubliette deletion`

use oubliette_client::{DeletionJob, NewDeletion};
use oubliette_service::operator::{Answer, Command as Operator, Leaving, Step};
use serde_json::json;

use crate::{config::Settings, error::CliError, folder, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask for a person's deletion, through the service. Asked again, the same one is answered
    Request {
        user: String,
        /// Why: a word such as account_closed, with nothing about the person in it
        #[arg(long)]
        reason: String,
        /// Days for which it can be taken back; fewer than the vault's own take a second person [default: the vault's]
        #[arg(long, value_name = "DAYS")]
        cooling_off: Option<u32>,
        /// Also over legal holds; takes a second person
        #[arg(long)]
        override_holds: bool,
    },
    /// How far a person's deletion has come, through the service
    Show { user: String },
    /// Take a deletion back, until it is due; through the service
    Cancel {
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The second person's yes to what a deletion overrides, through the service: shows it, asks, and approves just that
    Approve {
        user: String,
        /// Only if it is this, as the first person told it
        #[arg(long)]
        digest: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Every deletion that is not carried out yet
    List,
    /// Carry out whatever is due now, rows and blobs included, and say what became of each
    Run,
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Request { user, reason, cooling_off, override_holds } => {
            let new = NewDeletion { reason, cooling_off, override_holds };
            show(&super::client(settings)?.request_deletion(&user, &new)?, output);
        }
        Command::Show { user } => show(&super::client(settings)?.deletion(&user)?, output),
        Command::Cancel { user, yes } => {
            output.confirm(yes, "Take this deletion back? The person stays, with everything.")?;
            let job = super::client(settings)?.cancel_deletion(&user)?;
            output.result(&json!({ "state": "cancelled", "job": job }), || vec![format!("cancelled\t{job}")]);
        }
        Command::Approve { user, digest, yes } => {
            let client = super::client(settings)?;
            let waits = client.deletion_to_approve(&user)?;
            let (Some(job), Some(what)) = (&waits.job, &waits.overriding) else { return Err(other()) };
            if !yes {
                lines(&waits).iter().for_each(|line| output.line(line));
            }
            output.confirm(
                yes,
                "Approve this? What is due by then is erased at once and cannot be brought back.",
            )?;
            let digest = digest.as_deref().unwrap_or(&what.digest);
            show(&client.approve_deletion(&user, job, digest)?, output);
        }
        Command::List => match folder::operate(settings, &Operator::DeletionList)? {
            Answer::Deletions(all) => {
                output.result(&json!({ "deletions": all }), || all.iter().map(line).collect());
            }
            _ => return Err(other()),
        },
        Command::Run => match folder::operate(settings, &Operator::DeletionRun)? {
            Answer::DeletionRun(run) => output.result(&run, || {
                let mut lines: Vec<String> = run.steps.iter().flat_map(step).collect();
                lines.push(format!(
                    "{} erased, {} held, {} kept by law, {} left for the next run",
                    run.erased, run.held, run.kept, run.left
                ));
                lines
            }),
            _ => return Err(other()),
        },
    }
    Ok(())
}

fn other() -> CliError {
    CliError::Usage("the service answered something else; use the same version".to_owned())
}

fn show(job: &DeletionJob, output: &Output) {
    output.result(job, || lines(job));
}

fn lines(job: &DeletionJob) -> Vec<String> {
    let mut lines = vec![format!("{}\t{}", job.state, job.job.as_deref().unwrap_or("-"))];
    let mut tell = |what: &str, value: &Option<String>| {
        lines.extend(value.iter().map(|value| format!("{what}\t{value}")));
    };
    tell("reason", &job.reason);
    tell("requested", &job.requested);
    tell("due", &job.due);
    tell("held until", &job.held_until);
    tell("blocked", &job.blocked);
    tell("kept until", &job.kept_until);
    tell("erased", &job.erased);
    tell("fence until", &job.fence_until);
    tell("salt (told once)", &job.salt);
    lines.extend(job.receipts.iter().map(|receipt| format!("receipt\t{} ({})", receipt.id, receipt.state)));
    if job.seconds_left > 0 {
        lines.push(format!("left\t{}", countdown(job.seconds_left)));
    }
    if let Some(what) = &job.overriding {
        let of = [(what.cooling_off, "the cooling-off period"), (what.holds, "legal holds")];
        let of: Vec<&str> = of.into_iter().filter(|(is, _)| *is).map(|(_, text)| text).collect();
        let stands =
            if what.approved { "approved".to_owned() } else { format!("waits until {}", what.expires) };
        lines.push(format!("overrides\t{} ({stands})", of.join(" and ")));
        lines.push(format!("digest\t{}", what.digest));
    }
    lines
}

fn line(one: &Leaving) -> String {
    let left = if one.seconds_left > 0 { countdown(one.seconds_left) } else { String::new() };
    let waits = one.waits_until.as_ref().map(|until| format!("waits until {until}")).unwrap_or_default();
    format!(
        "{}\t{}\t{}\t{}\tdue {}\t{left}{waits}",
        one.user,
        one.state,
        one.job.as_deref().unwrap_or("-"),
        one.reason.as_deref().unwrap_or("-"),
        one.due.as_deref().unwrap_or("-"),
    )
}

fn step(step: &Step) -> Vec<String> {
    let stores = step.stores.iter().map(|store| match &store.failed {
        None => format!("{} {}", store.removed, store.store),
        Some(error) => format!("{} {}, then: {error}", store.removed, store.store),
    });
    let stores = stores.collect::<Vec<_>>().join(", ");
    vec![format!("{}\t{}\t{stores}{}", step.job, step.state, step.waits.as_deref().unwrap_or_default())]
}

/// Days, hours and minutes.
fn countdown(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days} d {hours} h {minutes} min")
}
