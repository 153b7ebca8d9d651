//! A small vault of which everything is known, and its reading through HTTP.

use crate::server::{self, Server};
use oubliette_client::{
    Client, ClientError, ConsentGiven, NewMessage, SaveOptions, SaveRead, SteamSecrets, Window,
};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const GAME: &str = "game";
const STEAM: &str = "steam_credentials";
/// Named in no other place.
const ERASED: &str = "cleo";

/// Something stored, or the absence of a person.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Save { user: &'static str, slot: &'static str, version: u64, content: Vec<u8> },
    Chat { user: &'static str, peer: &'static str, bodies: Vec<String> },
    Account { user: &'static str, fields: Vec<String> },
    Erased { user: &'static str },
}

/// How a read ended.
#[derive(Debug)]
pub(crate) enum Found {
    Whole,
    /// A named error of the service's side.
    Refused(String),
    /// What must never be: other bytes, or "there is no such thing".
    Wrong(String),
}

/// A vault folder, closed.
pub(crate) struct Sample {
    folder: TempDir,
    pub(crate) token: String,
    pub(crate) items: Vec<Item>,
}

impl Sample {
    /// Made by the service, as any vault.
    pub(crate) fn make() -> Self {
        let folder = fast_folder();
        let data = folder.path().join("vault");
        let items = items();
        let server = Server::start(&data);
        let client = server.client();
        for user in ["ann", "ben", ERASED] {
            client.put_subject(user, &Default::default(), false).unwrap();
        }
        client.put_save(ERASED, GAME, "one", &mut &b"gone"[..], &SaveOptions::default()).unwrap();
        client
            .send_message(ERASED, "ann", &NewMessage { body: "gone".into(), ..NewMessage::default() })
            .unwrap();
        items.iter().for_each(|item| item.store(&client));
        assert!(server::erase(&data, ERASED));
        let token = server::token(&data);
        assert_eq!(server.stop().code, Some(0));
        Self { folder, token, items }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// A copy to be ill-treated, and the folder that it lives in.
    pub(crate) fn copy(&self) -> (TempDir, PathBuf) {
        let folder = fast_folder();
        let data = folder.path().join("vault");
        copy(&self.path(), &data);
        (folder, data)
    }

    /// Everything is whole, as the service shows it.
    pub(crate) fn is_whole(&self, server: &Server) {
        let client = server.client();
        for item in &self.items {
            let found = item.through_http(&client);
            assert!(matches!(found, Found::Whole), "{found:?}");
        }
    }
}

/// In memory where that is to be had: damage is not a question of durability.
fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&source, &target),
            kind if kind.is_file() => drop(fs::copy(&source, &target).unwrap()),
            kind => panic!("{} is a {kind:?}", source.display()),
        }
    }
}

fn items() -> Vec<Item> {
    let noise =
        |length: u64| (0..length).map(|n| (n.wrapping_mul(n ^ 0x5bd1) >> 3) as u8).collect::<Vec<_>>();
    let save = |user, slot, version, content| Item::Save { user, slot, version, content };
    let bodies: Vec<String> = (1..=5).map(|n| format!("message {n}")).collect();
    vec![
        save("ann", "small", 1, b"a small save".to_vec()),
        save("ann", "small", 2, b"its second version".to_vec()),
        save("ann", "large", 1, noise(300_000)),
        save("ben", "text", 1, b"all work and no play ".repeat(2000)),
        Item::Chat { user: "ann", peer: "ben", bodies },
        Item::Account { user: "ann", fields: vec!["device_id".into(), "password".into()] },
        Item::Erased { user: ERASED },
    ]
}

impl Item {
    fn store(&self, client: &Client) {
        match self {
            Self::Save { user, slot, version, content } => {
                let stored = client
                    .put_save(user, GAME, slot, &mut content.as_slice(), &SaveOptions::default())
                    .unwrap();
                assert_eq!(stored.version, *version);
            }
            Self::Chat { user, peer, bodies } => {
                for body in bodies {
                    let message = NewMessage { body: body.clone(), ..NewMessage::default() };
                    client.send_message(user, peer, &message).unwrap();
                }
            }
            Self::Account { user, .. } => {
                client.give_consent(user, STEAM, &ConsentGiven::default()).unwrap();
                let mut secrets = SteamSecrets::default();
                secrets.password = Some("p".into());
                secrets.device_id = Some("d".into());
                client.put_steam(user, "account", &secrets).unwrap();
            }
            Self::Erased { .. } => {}
        }
    }

    /// One more version of a save.
    pub(crate) fn store_again(&self, client: &Client) {
        let Self::Save { user, slot, content, .. } = self else { panic!("not a save") };
        client.put_save(user, GAME, slot, &mut content.as_slice(), &SaveOptions::default()).unwrap();
    }

    pub(crate) fn through_http(&self, client: &Client) -> Found {
        match self.ask_http(client) {
            Ok(whole) => self.judge(whole),
            Err(ClientError::Problem(problem)) if problem.status >= 500 || problem.code == "unauthorized" => {
                Found::Refused(problem.to_string())
            }
            Err(ClientError::Transport(error)) => Found::Refused(error),
            Err(error) => Found::Wrong(format!("{self:?}: {error}")),
        }
    }

    /// Whether it is whole.
    fn ask_http(&self, client: &Client) -> Result<bool, ClientError> {
        Ok(match self {
            Self::Save { user, slot, version, content } => {
                let read = SaveRead { version: Some(*version), ..SaveRead::default() };
                let mut body = client.save(user, GAME, slot, &read)?.unwrap();
                let mut bytes = Vec::new();
                let ended = body.read_to_end(&mut bytes);
                if let Err(error) = ended {
                    // Cut off in the middle: what came so far must be right all the same.
                    return if content.starts_with(&bytes) {
                        Err(ClientError::Transport(error.to_string()))
                    } else {
                        Ok(false)
                    };
                }
                bytes == *content
            }
            Self::Chat { user, peer, bodies } => {
                let page = client.messages(user, peer, &Window::default())?;
                page.items.into_iter().rev().map(|message| message.body.unwrap()).eq(bodies.iter().cloned())
            }
            Self::Account { user, fields } => client.steam(user, "account")?.fields == *fields,
            Self::Erased { user } => match client.subject(user) {
                Err(error) if error.code() == Some("subject_erased") => true,
                other => other.map(|_| false)?,
            },
        })
    }

    fn judge(&self, whole: bool) -> Found {
        if whole { Found::Whole } else { Found::Wrong(format!("{self:?} came back as something else")) }
    }
}
