//! What is stored in the sample, and what reading it again may answer.

use oubliette::{Body, ConsentGiven, NewMessage, PutOptions, SteamFields, SubjectFacts, Vault, VaultError};

pub(crate) const GAME: &str = "game";
pub(crate) const STEAM: &str = "steam_credentials";
pub(crate) const ACCOUNT: &str = "account";
/// Who is erased before the sample is closed.
pub(crate) const ERASED: &str = "cleo";

/// Something stored, or something that must be gone.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Save {
        user: &'static str,
        slot: &'static str,
        version: u64,
        content: Vec<u8>,
    },
    /// A version that was forgotten.
    NoSave {
        user: &'static str,
        slot: &'static str,
        version: u64,
    },
    /// What one of the two sees, oldest first.
    Chat {
        user: &'static str,
        peer: &'static str,
        bodies: Vec<String>,
    },
    Account {
        user: &'static str,
        fields: Vec<String>,
    },
    Consents {
        user: &'static str,
        states: Vec<&'static str>,
    },
    Blocked {
        user: &'static str,
        peers: Vec<&'static str>,
    },
    Region {
        user: &'static str,
        region: &'static str,
    },
    Erased {
        user: &'static str,
    },
}

/// How a read ended.
#[derive(Debug)]
pub(crate) enum Found {
    Whole,
    /// An error of the vault's side, by name.
    Refused(String),
    /// What must never be: other bytes, "there is no such thing", or somebody back from their erasure.
    Wrong(String),
}

/// Does not shrink.
pub(crate) fn noise(length: u64) -> Vec<u8> {
    let mut state = 0x0b11_e77e_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

/// Shrinks to more than fits a row.
fn prose(length: u64) -> Vec<u8> {
    let line =
        |n: u64| format!("{:x} all work and no play\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes();
    let mut text: Vec<u8> = (0..length / 20).flat_map(line).collect();
    text.truncate(length as usize);
    text
}

fn message(n: usize) -> String {
    format!("message {n}")
}

/// Everything, in the order in which it is stored. Less than 32 KiB in all.
pub(crate) fn items() -> Vec<Item> {
    let save = |user, slot, version, content| Item::Save { user, slot, version, content };
    let mut bodies: Vec<String> = (1..=12).filter(|n| n % 2 == 1).map(message).collect();
    bodies.extend((1..=2).map(|n| format!("answer {n}")));
    vec![
        Item::Region { user: "dora", region: "eu" },
        save("ann", "small", 1, b"a small save".to_vec()),
        save("ann", "small", 2, b"its second version".to_vec()),
        save("ann", "large", 1, noise(9_000)),
        save("ben", "text", 1, prose(14_000)),
        save("dora", "kept", 2, b"the one that stays".to_vec()),
        Item::NoSave { user: "dora", slot: "kept", version: 1 },
        Item::Chat { user: "ann", peer: "ben", bodies: bodies.clone() },
        Item::Chat { user: "ben", peer: "ann", bodies },
        Item::Consents { user: "ann", states: vec!["given"] },
        Item::Consents { user: "dora", states: vec!["withdrawn", "given"] },
        Item::Account { user: "ann", fields: vec!["device_id".into(), "password".into()] },
        Item::Blocked { user: "ann", peers: vec!["dora"] },
        Item::Erased { user: ERASED },
    ]
}

/// Stores what comes before the erasure.
pub(crate) fn store_first(vault: &Vault) {
    for user in ["ann", "ben", ERASED] {
        vault.put_subject(user, &SubjectFacts::default(), false).unwrap();
    }
    vault
        .put_subject("dora", &SubjectFacts { region: Some("eu".into()), ..SubjectFacts::default() }, false)
        .unwrap();
    put(vault, ERASED, "one", b"gone");
    put(vault, "ann", "small", b"a small save");
    put(vault, "dora", "kept", b"the one that goes");
    vault.subject(ERASED).unwrap().chats().append("ann", &[text("gone")]).unwrap();
    for purpose in ["ann", "dora"] {
        vault.subject(purpose).unwrap().consents().give(STEAM, &ConsentGiven::default()).unwrap();
    }
}

/// Stores the rest: cuts, an erasure, a block, a withdrawal and what stays.
pub(crate) fn store_rest(vault: &Vault) {
    put(vault, "ann", "small", b"its second version");
    put(vault, "ann", "large", &noise(9_000));
    put(vault, "ben", "text", &prose(14_000));
    put(vault, "dora", "kept", b"the one that stays");
    let (ann, ben, dora) =
        (vault.subject("ann").unwrap(), vault.subject("ben").unwrap(), vault.subject("dora").unwrap());
    dora.saves().forget_version(GAME, "kept", 1).unwrap();
    dora.consents().withdraw(STEAM).unwrap();
    let posted: Vec<_> =
        (1..=12).map(|n| ann.chats().append("ben", &[text(&message(n))]).unwrap().remove(0)).collect();
    ben.chats().append("ann", &[text("answer 1"), text("answer 2")]).unwrap();
    // Scattered cuts: ann's cover outgrows her state page.
    for (n, message) in (1..).zip(&posted) {
        if n % 2 == 0 {
            ann.chats().forget_message("ben", &message.id).unwrap();
        }
    }
    let fields = [("password", "p"), ("device_id", "d")].map(|(name, value)| (name.into(), value.into()));
    ann.credentials().set_steam(ACCOUNT, SteamFields(fields.into())).unwrap();
    ann.chats().block("dora").unwrap();
    drop((ann, ben, dora));
    vault.erase(&[ERASED]).unwrap();
    while vault.sweep(512).unwrap().left > 0 {}
}

fn put(vault: &Vault, user: &str, slot: &str, mut content: &[u8]) {
    vault.subject(user).unwrap().saves().put(GAME, slot, &PutOptions::default(), &mut content).unwrap();
}

pub(crate) fn text(body: &str) -> NewMessage {
    NewMessage { body: Body::Text(body.to_owned()), sent_at: None, client_id: None, policy: None }
}

impl Item {
    /// Whose it is.
    pub(crate) fn user(&self) -> &'static str {
        match self {
            Self::Save { user, .. }
            | Self::NoSave { user, .. }
            | Self::Chat { user, .. }
            | Self::Account { user, .. }
            | Self::Consents { user, .. }
            | Self::Blocked { user, .. }
            | Self::Region { user, .. }
            | Self::Erased { user } => user,
        }
    }

    pub(crate) fn read(&self, vault: &Vault) -> Found {
        match self.ask(vault) {
            Ok(true) => Found::Whole,
            Ok(false) => Found::Wrong(format!("{self:?} came back as something else")),
            Err(
                error @ (VaultError::Corrupt { .. }
                | VaultError::Poisoned { .. }
                | VaultError::RowsLost { .. }
                | VaultError::KeysLost { .. }
                | VaultError::Format { .. }),
            ) => Found::Refused(error.to_string()),
            Err(error) => Found::Wrong(format!("{self:?}: {error}")),
        }
    }

    fn ask(&self, vault: &Vault) -> Result<bool, VaultError> {
        Ok(match self {
            Self::Save { user, slot, version, content } => {
                let mut reader = vault.subject(user)?.saves().get(GAME, slot, Some(*version))?;
                let mut rest = content.as_slice();
                while let Some(piece) = reader.next_chunk()? {
                    match rest.strip_prefix(piece.as_slice()) {
                        Some(left) => rest = left,
                        None => return Ok(false),
                    }
                }
                rest.is_empty()
            }
            Self::NoSave { user, slot, version } => {
                match vault.subject(user)?.saves().get(GAME, slot, Some(*version)) {
                    Err(VaultError::NotFound { .. }) => true,
                    other => other.map(|_| false)?,
                }
            }
            Self::Chat { user, peer, bodies } => {
                let page = vault.subject(user)?.chats().messages(peer, &Default::default())?;
                let read = page.items.into_iter().rev().map(|message| message.body);
                read.eq(bodies.iter().cloned().map(Body::Text))
            }
            Self::Account { user, fields } => {
                vault.subject(user)?.credentials().steam(ACCOUNT)?.fields == *fields
            }
            Self::Consents { user, states } => {
                let history = vault.subject(user)?.consents().history()?;
                history.iter().map(|event| event.state).eq(states.iter().copied())
            }
            Self::Blocked { user, peers } => vault.subject(user)?.chats().blocked()? == *peers,
            Self::Region { user, region } => vault.subject(user)?.info()?.region.as_deref() == Some(*region),
            Self::Erased { user } => match vault.subject(user) {
                Err(VaultError::SubjectErased { .. }) => true,
                other => other.map(|_| false)?,
            },
        })
    }
}
