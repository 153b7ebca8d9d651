//! `oubliette hold`

use oubliette_client::{Hold, NewHold};
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Place a legal hold on a person, or change the one of this name: nothing of theirs is erased while it stands
    Add {
        user: String,
        id: String,
        /// Why; kept with the person
        #[arg(long)]
        reason: Option<String>,
        /// When it ends by itself, such as 2027-01-31T00:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Lift a hold; with the last one, what was deleted meanwhile is erased
    Rm {
        user: String,
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The holds that stand on a person
    List { user: String },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    match command {
        Command::Add { user, id, reason, expires } => {
            let hold = client.place_hold(&user, &id, &NewHold { reason, expires })?;
            output.result(&hold, || vec![line(&hold)]);
        }
        Command::Rm { user, id, yes } => {
            output.confirm(yes, "Lift this hold? What was deleted under it is erased with the last one.")?;
            client.lift_hold(&user, &id)?;
            output.result(&json!({ "state": "lifted" }), || vec!["lifted".to_owned()]);
        }
        Command::List { user } => {
            let holds = client.holds(&user)?;
            output.result(&json!({ "holds": holds }), || holds.iter().map(line).collect());
        }
    }
    Ok(())
}

fn line(hold: &Hold) -> String {
    let expires = hold.expires.as_deref().unwrap_or("lifted");
    format!(
        "{}\tsince {}\tuntil {expires}\t{}",
        hold.id,
        hold.since,
        hold.reason.as_deref().unwrap_or_default()
    )
}
