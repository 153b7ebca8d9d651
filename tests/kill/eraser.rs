//! People who come, leave one save and one message behind, and are erased, while the service is killed.

use crate::server;
use oubliette_client::{Client, ClientError, NewMessage, SaveOptions, SaveRead, SubjectFacts};
use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

/// Stays throughout; the others talk to this person.
const WITNESS: &str = "witness";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Something of their coming may be there.
    Coming,
    Here,
    /// The erasure was asked for, not acknowledged.
    Leaving,
    Erased,
}

pub(crate) struct Eraser {
    data: PathBuf,
    people: BTreeMap<String, Fate>,
}

impl Eraser {
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), people: BTreeMap::new() }
    }

    pub(crate) fn erased(&self) -> usize {
        self.people.values().filter(|fate| **fate == Fate::Erased).count()
    }

    /// Whoever was erased stays so; whoever was here has everything; whoever was leaving did one or the other.
    pub(crate) fn settle(&mut self, client: &Client, round: u64) {
        client.put_subject(WITNESS, &SubjectFacts::default(), false).unwrap();
        for (user, fate) in &mut self.people {
            let state = client.subject(user);
            let gone = matches!(&state, Err(error) if error.code() == Some("subject_erased"));
            match fate {
                Fate::Coming => {
                    assert!(
                        matches!(&state, Err(error) if error.code() == Some("subject_unknown"))
                            || state.is_ok()
                    );
                    client.put_subject(user, &SubjectFacts::default(), false).unwrap();
                    arrive(client, user).unwrap();
                    *fate = Fate::Here;
                }
                Fate::Erased => assert!(gone, "{user} is back in round {round}: {state:?}"),
                Fate::Leaving if gone => *fate = Fate::Erased,
                Fate::Here | Fate::Leaving => {
                    state.unwrap();
                    let mut bytes = Vec::new();
                    let save = client.save(user, "game", "slot", &SaveRead::default()).unwrap().unwrap();
                    { save }.read_to_end(&mut bytes).unwrap();
                    assert_eq!(bytes, content(user), "{user} in round {round}");
                    *fate = Fate::Here;
                }
            }
            if *fate == Fate::Erased {
                let refused = client.save(user, "game", "slot", &SaveRead::default()).unwrap_err();
                assert_eq!(refused.code(), Some("subject_erased"));
            }
        }
        let peers = client.chats(WITNESS, None).unwrap().items.into_iter().filter_map(|chat| chat.peer);
        let erased = peers.filter(|peer| self.people.get(peer) == Some(&Fate::Erased)).collect::<Vec<_>>();
        assert!(erased.is_empty(), "the witness still knows who {erased:?} were");
    }

    /// Until the service is gone.
    pub(crate) fn work(&mut self, client: &Client) {
        loop {
            let waiting =
                self.people.iter().find(|(_, fate)| **fate == Fate::Here).map(|(user, _)| user.clone());
            let user = waiting.unwrap_or_else(|| format!("guest-{}", self.people.len()));
            if self.people.get(&user) != Some(&Fate::Here) {
                self.people.insert(user.clone(), Fate::Coming);
                let coming = client
                    .put_subject(&user, &SubjectFacts::default(), false)
                    .and_then(|_| arrive(client, &user));
                if let Err(error) = coming {
                    assert!(matches!(error, ClientError::Transport(_)), "{error}");
                    return;
                }
            }
            self.people.insert(user.clone(), Fate::Leaving);
            // Through the service, or on the folder itself if the service is gone already.
            if !server::erase(&self.data, &user) {
                return;
            }
            self.people.insert(user, Fate::Erased);
            if client.healthy().is_err() {
                return;
            }
        }
    }
}

fn arrive(client: &Client, user: &str) -> Result<(), ClientError> {
    client.put_save(user, "game", "slot", &mut content(user).as_slice(), &SaveOptions::default())?;
    client.send_message(
        user,
        WITNESS,
        &NewMessage { body: format!("I am {user}"), ..NewMessage::default() },
    )?;
    Ok(())
}

fn content(user: &str) -> Vec<u8> {
    user.repeat(3000).into_bytes()
}
