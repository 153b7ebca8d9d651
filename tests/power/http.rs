//! A history that happens at the running service, as its clients make it.

use std::path::Path;

use oubliette_client::{
    Client, ClientError, ConsentGiven, NewMessage, SaveOptions, SteamSecrets, SubjectFacts, Window,
};

use serde_json::Value;

use crate::model::{ACCOUNT, FIELDS, GAME, Op, PURPOSES, User, user};
use crate::server;

/// Why an operation was not acknowledged.
#[derive(Debug)]
pub(crate) enum Unheard {
    Refused(String),
    /// The service is gone; the operation may have happened.
    Gone,
}

impl From<ClientError> for Unheard {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => Self::Refused(problem.to_string()),
            _ => Self::Gone,
        }
    }
}

/// Does it, and answers once it is acknowledged: of an erasure the generation of the key plane that made it true, else 0. What only an
/// operator does (a restart, a sweep) the service does by itself.
pub(crate) fn act(client: &Client, data: &Path, op: &Op) -> Result<u64, Unheard> {
    let mut generation = 0;
    match op {
        Op::Come(who) => drop(client.put_subject(&user(*who), &SubjectFacts::default(), false)?),
        Op::Save { who, slot, content } => {
            let options = SaveOptions { length: Some(content.length as u64), ..SaveOptions::default() };
            client.put_save(
                &user(*who),
                GAME,
                &slot_name(*slot),
                &mut content.bytes().as_slice(),
                &options,
            )?;
        }
        Op::ForgetVersion { who, slot } => {
            let versions = client.versions(&user(*who), GAME, &slot_name(*slot), None)?.items;
            let oldest = versions.last().map(|facts| facts.version);
            client.forget_save(&user(*who), GAME, &slot_name(*slot), oldest)?;
        }
        Op::ForgetSlot { who, slot } => {
            client.forget_save(&user(*who), GAME, &slot_name(*slot), None)?;
        }
        Op::Say { who, to, bodies } => {
            let message = |body: String| NewMessage { body, ..NewMessage::default() };
            let messages: Vec<_> = bodies.iter().map(|body| message(body.text())).collect();
            client.send_messages(&user(*who), &user(*to), &messages)?;
        }
        Op::ForgetMessage { who, to } => {
            client.forget_message(&user(*who), &user(*to), &own(client, *who, *to)?[0])?;
        }
        Op::ForgetThrough { who, to } => {
            let ids = own(client, *who, *to)?;
            client.forget_messages_through(&user(*who), &user(*to), &ids[ids.len() / 2])?;
        }
        Op::Account { who, fields } => {
            let secret = |n: usize| ((fields >> n) & 1 == 1).then(|| format!("secret-{}", FIELDS[n]));
            let mut secrets = SteamSecrets::default();
            secrets.password = secret(0);
            secrets.device_id = secret(1);
            secrets.revocation_code = secret(2);
            client.put_steam(&user(*who), ACCOUNT, &secrets)?;
        }
        Op::ForgetAccount { who } => drop(client.forget_steam(&user(*who), ACCOUNT)?),
        Op::Give { who, purpose } => {
            client.give_consent(&user(*who), PURPOSES[*purpose], &ConsentGiven::default())?;
        }
        Op::Withdraw { who, purpose } => drop(client.withdraw_consent(&user(*who), PURPOSES[*purpose])?),
        Op::Block { who, peer } => client.block(&user(*who), &user(*peer))?,
        Op::Unblock { who, peer } => client.unblock(&user(*who), &user(*peer))?,
        Op::Erase(who) => {
            for who in who {
                let ended = server::run(data, &["--json", "subject", "erase", &user(*who), "--yes"]);
                if ended.code != Some(0) {
                    return Err(Unheard::Refused(format!("{ended:?}")));
                }
                let record: Value = serde_json::from_str(&ended.stdout).unwrap();
                assert_eq!(record["state"], "erased");
                generation = record["generation_after"].as_u64().unwrap();
            }
        }
        _ => assert!(op.keeps_state(), "{op:?} was not asked of the service"),
    }
    Ok(generation)
}

fn slot_name(slot: u8) -> String {
    format!("slot-{slot}")
}

/// Ids of one's own messages, oldest first.
fn own(client: &Client, who: User, to: User) -> Result<Vec<String>, ClientError> {
    let window = Window { limit: Some(1000), ..Window::default() };
    let items = client.messages(&user(who), &user(to), &window)?.items;
    let author = user(who);
    Ok(items
        .into_iter()
        .rev()
        .filter(|message| message.author.as_deref() == Some(author.as_str()))
        .map(|message| message.id)
        .collect())
}
