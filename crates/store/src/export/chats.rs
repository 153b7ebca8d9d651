//! Conversations as the person sees them: a folder for each, in it pages of messages, newest first, and raw bodies as files of their own.

use std::collections::BTreeMap;

use oubliette_crypto::{Class, Handle};
use oubliette_keyring::Subject as Keys;
use serde::Serialize;

use super::archive::Archive;
use super::{Export, times};
use crate::chats::{compartment_of, parse_handle};
use crate::{Body, ChatInfo, Message, Page, VaultError, Window};

/// Messages in a file, and conversations listed at once. A page is read whole: at most 6.25 MiB.
const PAGE: usize = 100;

#[derive(Serialize)]
struct Chat {
    /// Null: somebody who was erased.
    peer: Option<String>,
    messages: u64,
    last: Option<String>,
    default_policy: Option<&'static str>,
    keep_days: Option<u32>,
    /// Newest first.
    pages: Vec<String>,
}

#[derive(Serialize)]
struct Said {
    id: String,
    seq: u64,
    /// Null: somebody who was erased.
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Where bytes stand that are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    policy: &'static str,
}

/// In the order in which they were begun.
pub(super) fn write(export: &Export, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let peers: BTreeMap<u32, Handle> = export
        .person()
        .every_named(Class::Chat)?
        .into_iter()
        .filter_map(|(name, entry)| Some((entry.compartment, parse_handle(&name)?)))
        .collect();
    let chats = export.subject.chats();
    let mut page = Page { limit: Some(PAGE), cursor: None };
    let mut number = 0;
    loop {
        let listed = chats.list(&page)?;
        for info in listed.items {
            number += 1;
            let compartment = compartment_of(&info.id);
            // One that was begun since is left to the next export.
            let Some(peer) = compartment.and_then(|compartment| peers.get(&compartment)) else { continue };
            let written = conversation(export, archive, &format!("chats/{number:05}"), info, *peer);
            archive.watch.with_peer(None);
            written?;
        }
        page.cursor = listed.next_cursor;
        if page.cursor.is_none() {
            return Ok(());
        }
    }
}

fn conversation(
    export: &Export,
    archive: &mut Archive<'_>,
    folder: &str,
    info: ChatInfo,
    peer: Handle,
) -> Result<(), VaultError> {
    let chats = export.subject.chats();
    let mut window = Window { limit: Some(PAGE), ..Window::default() };
    let mut pages = Vec::new();
    loop {
        export.may_go_on()?;
        // Before their words are read: an erasure from here on is seen when these are to leave.
        archive.watch.with_peer(keys(export, peer)?);
        let listed = match chats.messages(&info.id, &window) {
            // This side was forgotten since it was listed.
            Err(VaultError::PeerUnknown) if pages.is_empty() => return Ok(()),
            Err(VaultError::PeerUnknown) => return Err(VaultError::Forgotten),
            listed => listed?,
        };
        let mut beside = Vec::new();
        let said: Vec<_> =
            listed.items.into_iter().map(|message| say(message, folder, &mut beside)).collect();
        if !said.is_empty() {
            let page = format!("{folder}/messages-{:06}.json", pages.len() + 1);
            archive.json(&page, &said)?;
            pages.push(page);
        }
        for (name, bytes) in &beside {
            archive.file(name, bytes)?;
        }
        window.before = listed.next_cursor;
        if window.before.is_none() {
            break;
        }
    }
    let peer = keys(export, peer)?;
    let chat = Chat {
        peer: peer.as_ref().map(|keys| keys.user_id().as_str().to_owned()),
        messages: info.messages,
        last: info.last.map(times::text),
        default_policy: info.settings.default_policy.map(|policy| policy.as_str()),
        keep_days: info.settings.keep_days,
        pages,
    };
    archive.watch.with_peer(peer);
    archive.json(&format!("{folder}/chat.json"), &chat)
}

/// The peer's keys while they are there.
fn keys(export: &Export, peer: Handle) -> Result<Option<Keys>, VaultError> {
    use VaultError::{SubjectBlocked, SubjectErased, SubjectUnknown};
    match export.person().vault.keyring.subject_by_handle(&peer).map_err(VaultError::from) {
        Ok(keys) => Ok(Some(keys)),
        Err(SubjectUnknown | SubjectBlocked | SubjectErased { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn say(message: Message, folder: &str, beside: &mut Vec<(String, Vec<u8>)>) -> Said {
    let (body, file, content_type) = match message.body {
        Body::Text(text) => (Some(text), None, None),
        Body::Bytes { content_type, bytes } => {
            let file = format!("{folder}/{}", message.id);
            beside.push((file.clone(), bytes));
            (None, Some(file), Some(content_type))
        }
    };
    Said {
        id: message.id,
        seq: message.seq,
        author: message.author,
        body,
        file,
        content_type,
        created: times::text(message.created),
        sent_at: message.sent_at.map(times::text),
        client_id: message.client_id,
        policy: message.policy.as_str(),
    }
}
