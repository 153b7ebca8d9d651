//! Conversations as the person sees them: a folder for each, in it pages of messages, newest first, and raw bodies as files of their own.

use serde::Serialize;

use super::archive::Archive;
use super::content::time;
use crate::chats::{Body, ChatInfo, Chats, Message, Window};
use crate::page::{MAX_PAGE, Page};
use crate::{Subject, VaultError};

/// Messages in a file: some 6 MB in memory if all are as long as they can be.
const PAGE: usize = 100;

#[derive(Serialize)]
struct Chat {
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

pub(super) fn write(subject: &Subject, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let chats = subject.chats();
    let mut number = 0;
    let mut page = Page { limit: Some(MAX_PAGE), cursor: None };
    loop {
        let listed = chats.list(&page)?;
        for chat in listed.items {
            number += 1;
            write_chat(&chats, chat, &format!("chats/{number:05}"), archive)?;
        }
        if listed.next_cursor.is_none() {
            return Ok(());
        }
        page.cursor = listed.next_cursor;
    }
}

fn write_chat(
    chats: &Chats,
    info: ChatInfo,
    folder: &str,
    archive: &mut Archive<'_>,
) -> Result<(), VaultError> {
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let window = Window { before, after: None, limit: Some(PAGE) };
        let listed = match chats.messages(&info.id, &window) {
            // This side was forgotten since it was listed.
            Err(VaultError::PeerUnknown) => break,
            listed => listed?,
        };
        let mut said = Vec::with_capacity(listed.items.len());
        for message in listed.items {
            said.push(write_message(message, folder, archive)?);
        }
        if !said.is_empty() {
            let file = format!("{folder}/messages-{:06}.json", pages.len() + 1);
            archive.json(file.clone(), &said)?;
            pages.push(file);
        }
        before = listed.next_cursor;
        if before.is_none() {
            break;
        }
    }
    let chat = Chat {
        peer: info.peer,
        messages: info.messages,
        last: info.last.map(time),
        default_policy: info.settings.default_policy.map(|policy| policy.as_str()),
        keep_days: info.settings.keep_days,
        pages,
    };
    archive.json(format!("{folder}/chat.json"), &chat)
}

fn write_message(message: Message, folder: &str, archive: &mut Archive<'_>) -> Result<Said, VaultError> {
    let (body, file, content_type) = match message.body {
        Body::Text(text) => (Some(text), None, None),
        Body::Bytes { content_type, bytes } => {
            let file = format!("{folder}/{}", message.id);
            archive.whole(file.clone(), &bytes)?;
            (None, Some(file), Some(content_type))
        }
    };
    Ok(Said {
        id: message.id,
        seq: message.seq,
        author: message.author,
        body,
        file,
        content_type,
        created: time(message.created),
        sent_at: message.sent_at.map(time),
        client_id: message.client_id,
        policy: message.policy.as_str(),
    })
}
