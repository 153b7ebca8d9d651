//! `oubliette chat`

use std::io::{self, Read};

use oubliette_client::{Message, NewMessage, Window};
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send a message
    Append {
        user: String,
        peer: String,
        /// The text [default: standard input, where other users of this machine cannot see it]
        text: Option<String>,
        /// Whose deletion takes it along: the author's, either of the two's, or only both (survivor) [default: as the conversation or the
        /// service is set]
        #[arg(long, value_parser = ["author", "either", "survivor"])]
        policy: Option<String>,
        /// The sender's own name for it: sent again under the same name, it is not stored twice
        #[arg(long, value_name = "NAME")]
        client_id: Option<String>,
    },
    /// The newest messages as this person sees them, oldest first
    Log {
        user: String,
        peer: String,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    match command {
        Command::Append { user, peer, text, policy, client_id } => {
            let body = match text {
                Some(text) => text,
                None => {
                    let mut text = String::new();
                    io::stdin()
                        .read_to_string(&mut text)
                        .map_err(CliError::io("reading the message", "standard input"))?;
                    text.trim_end_matches('\n').to_owned()
                }
            };
            let message = NewMessage { body, policy, client_id, sent_at: None };
            let posted = client.send_message(&user, &peer, &message)?;
            let value = json!({ "id": posted.id, "seq": posted.seq, "created": posted.created });
            output.result(&value, || vec![format!("{} {}", posted.created, posted.id)]);
        }
        Command::Log { user, peer, limit } => {
            let window = Window { limit: Some(limit), ..Window::default() };
            let mut page = client.messages(&user, &peer, &window)?;
            page.items.reverse();
            output.result(&json!({ "messages": page.items }), || page.items.iter().map(line).collect());
        }
    }
    Ok(())
}

fn line(message: &Message) -> String {
    let body = message.body.as_deref().unwrap_or("(raw bytes; see --json)");
    // Control characters of a stranger's text must not reach the terminal.
    let body: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let author = message.author.as_deref().unwrap_or("(erased)");
    // The usual policy goes without saying.
    let policy = if message.policy == "author" { String::new() } else { format!(" [{}]", message.policy) };
    format!("{} {author}{policy}: {body}", message.created)
}
