//! The content of the drills: a few people with saves and a chat.

use std::fs;
use std::path::Path;

use oubliette_store::{Body, NewMessage, PutOptions, SubjectFacts, Vault, VaultError, Window};

use super::{DrillError, claim};

pub(super) const PEOPLE: [&str; 3] = ["ann", "ben", "cleo"];
const GAME: &str = "drill";

/// What each of them has stored, large and small.
fn content(user: &str) -> [(&'static str, Vec<u8>); 2] {
    let large = user.bytes().cycle().take(100_000).enumerate().map(|(n, byte)| byte ^ (n % 251) as u8);
    [("large", large.collect()), ("small", format!("the save of {user}").into_bytes())]
}

/// Stores it.
pub(super) fn fill(vault: &Vault) -> Result<(), DrillError> {
    for user in PEOPLE {
        vault.put_subject(user, &SubjectFacts::default(), false)?;
        let saves = vault.subject(user)?.saves();
        for (slot, bytes) in content(user) {
            saves.put(GAME, slot, &PutOptions::default(), &mut bytes.as_slice())?;
        }
    }
    let [first, second, _] = PEOPLE;
    let message = NewMessage {
        body: Body::Text("see you there".to_owned()),
        sent_at: None,
        client_id: None,
        policy: None,
    };
    vault.subject(first)?.chats().append(second, &[message])?;
    Ok(())
}

/// Everything of somebody is there, bit for bit.
pub(super) fn whole(vault: &Vault, user: &str) -> Result<(), DrillError> {
    let subject = vault.subject(user)?;
    for (slot, bytes) in content(user) {
        let mut reader = subject.saves().get(GAME, slot, None)?;
        let mut back = Vec::with_capacity(bytes.len());
        while let Some(chunk) = reader.next_chunk()? {
            back.extend_from_slice(&chunk);
        }
        claim(back == bytes, format!("the save `{slot}` of {user} came back changed"))?;
    }
    let [first, second, _] = PEOPLE;
    if user == first {
        let seen = subject.chats().messages(second, &Window::default())?;
        claim(seen.items.len() == 1, format!("{user}'s chat is not whole"))?;
    }
    Ok(())
}

/// Somebody was erased, and the vault says so.
pub(super) fn erased(vault: &Vault, user: &str) -> Result<(), DrillError> {
    let gone = matches!(vault.subject(user), Err(VaultError::SubjectErased { .. }));
    claim(gone, format!("{user} was erased and still answers"))
}

/// Rows, keys and ledger are in order.
pub(super) fn sound(vault: &Vault) -> Result<(), DrillError> {
    let report = vault.fsck(false, &mut |_, _| ())?;
    claim(report.faults.is_empty(), format!("fsck finds {:?}", report.faults))?;
    let ill: Vec<String> = vault.not_ready().into_iter().map(|reason| reason.detail).collect();
    claim(ill.is_empty(), format!("the vault is not ready: {ill:?}"))
}

/// Opening fails, and the message says what was lost. Answers the message.
pub(super) fn lost(opened: Result<Vault, VaultError>) -> Result<String, DrillError> {
    match opened {
        Err(error @ VaultError::KeysLost { .. }) => Ok(error.to_string()),
        Err(error) => Err(DrillError::Untrue(format!("the loss is not said plainly: {error}"))),
        Ok(_) => Err(DrillError::Untrue("it opened without its keys".to_owned())),
    }
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
