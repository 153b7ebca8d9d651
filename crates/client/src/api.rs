//! People, chats, credentials, consents, the service itself.

use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, json, path, with_query},
    types::{
        Account, Block, Chat, ChatMessages, ChatSettings, ConfirmationKey, Consent, ConsentGiven, Deletion,
        GuardCode, Listed, Message, NewMessage, Posted, Ready, SteamSecrets, Subject, SubjectFacts, Window,
    },
};

/// People.
impl Client {
    /// Creates a person or updates the facts; `reopen` also after an erasure.
    pub fn put_subject(
        &self,
        user: &str,
        facts: &SubjectFacts,
        reopen: bool,
    ) -> Result<Subject, ClientError> {
        let query = [("reopen", reopen.then(|| "true".to_owned()))];
        self.call_with(Method::PUT, &with_query(path(&["subjects", user]), &query), facts)
    }

    /// A person, without content.
    pub fn subject(&self, user: &str) -> Result<Subject, ClientError> {
        self.call(Method::GET, &path(&["subjects", user]))
    }
}

/// Chats.
impl Client {
    /// Sends a text.
    pub fn send_message(&self, user: &str, peer: &str, message: &NewMessage) -> Result<Posted, ClientError> {
        self.call_with(Method::POST, &path(&["subjects", user, "chats", peer, "messages"]), message)
    }

    /// Sends raw bytes under a content type of their own; of `message` all but the body counts.
    pub fn send_bytes(
        &self,
        user: &str,
        peer: &str,
        (content_type, bytes): (&str, &[u8]),
        message: &NewMessage,
    ) -> Result<Posted, ClientError> {
        let query = [
            ("policy", message.policy.clone()),
            ("sent_at", message.sent_at.clone()),
            ("client_id", message.client_id.clone()),
        ];
        let path = with_query(path(&["subjects", user, "chats", peer, "messages"]), &query);
        let request = self.request(Method::POST, &path).header("content-type", content_type);
        json(self.send(request, bytes)?)
    }

    /// Sets the policy of a person's further messages to a peer, and how long their side is kept.
    pub fn set_chat(
        &self,
        user: &str,
        peer: &str,
        settings: &ChatSettings,
    ) -> Result<ChatSettings, ClientError> {
        self.call_with(Method::PUT, &path(&["subjects", user, "chats", peer]), settings)
    }

    /// Sends up to 100 texts in one atomic write.
    pub fn send_messages(
        &self,
        user: &str,
        peer: &str,
        messages: &[NewMessage],
    ) -> Result<Vec<Posted>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            messages: Vec<Posted>,
        }
        let path = format!("{}:batch", path(&["subjects", user, "chats", peer, "messages"]));
        let answer: Answer =
            self.call_with(Method::POST, &path, &serde_json::json!({ "messages": messages }))?;
        Ok(answer.messages)
    }

    /// Reads a conversation as this person sees it, newest first.
    pub fn messages(&self, user: &str, peer: &str, window: &Window) -> Result<ChatMessages, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            messages: Vec<Message>,
            next_cursor: Option<String>,
        }
        let query = [
            ("before", window.before.clone()),
            ("after", window.after.clone()),
            ("limit", window.limit.map(|limit| limit.to_string())),
        ];
        let path = with_query(path(&["subjects", user, "chats", peer, "messages"]), &query);
        let page: Page = self.call(Method::GET, &path)?;
        Ok(Listed { items: page.messages, next_cursor: page.next_cursor })
    }

    /// Forgets one of the person's own messages, or their part of one of the peer's where its policy gives them one.
    pub fn forget_message(&self, user: &str, peer: &str, id: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "chats", peer, "messages", id]))
    }

    /// Forgets all of the person's own messages, and their parts of the peer's, up to this one.
    pub fn forget_messages_through(&self, user: &str, peer: &str, id: &str) -> Result<Deletion, ClientError> {
        let path = path(&["subjects", user, "chats", peer, "messages", id]);
        self.delete(&with_query(path, &[("through", Some(id.to_owned()))]))
    }

    /// The person's conversations.
    pub fn chats(&self, user: &str, cursor: Option<&str>) -> Result<Listed<Chat>, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            chats: Vec<Chat>,
            next_cursor: Option<String>,
        }
        let path = with_query(path(&["subjects", user, "chats"]), &[("cursor", cursor.map(str::to_owned))]);
        let page: Page = self.call(Method::GET, &path)?;
        Ok(Listed { items: page.chats, next_cursor: page.next_cursor })
    }

    /// Forgets the person's own side of a conversation.
    pub fn forget_chat(&self, user: &str, peer: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "chats", peer]))
    }

    /// Refuses the peer's messages from now on.
    pub fn block(&self, user: &str, peer: &str) -> Result<(), ClientError> {
        self.call::<Value>(Method::PUT, &path(&["subjects", user, "blocks", peer])).map(drop)
    }

    /// Takes the peer's messages again.
    pub fn unblock(&self, user: &str, peer: &str) -> Result<(), ClientError> {
        self.call::<Value>(Method::DELETE, &path(&["subjects", user, "blocks", peer])).map(drop)
    }

    /// Everybody the person blocks.
    pub fn blocks(&self, user: &str) -> Result<Vec<Block>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            blocks: Vec<Block>,
        }
        self.call(Method::GET, &path(&["subjects", user, "blocks"])).map(|answer: Answer| answer.blocks)
    }
}

/// Steam credentials.
impl Client {
    /// Stores or replaces an account's secrets. Needs the consent `steam_credentials`.
    pub fn put_steam(
        &self,
        user: &str,
        account: &str,
        secrets: &SteamSecrets,
    ) -> Result<Account, ClientError> {
        self.call_with(Method::PUT, &path(&["subjects", user, "credentials", "steam", account]), secrets)
    }

    /// Which fields of an account are stored.
    pub fn steam(&self, user: &str, account: &str) -> Result<Account, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "credentials", "steam", account]))
    }

    /// The person's accounts.
    pub fn steam_accounts(&self, user: &str) -> Result<Vec<Account>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            credentials: Vec<Account>,
        }
        let path = path(&["subjects", user, "credentials", "steam"]);
        self.call(Method::GET, &path).map(|answer: Answer| answer.credentials)
    }

    /// Forgets an account.
    pub fn forget_steam(&self, user: &str, account: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "credentials", "steam", account]))
    }

    /// Stores these secrets over those of the same name; the others of the account stay. Needs the consent `steam_credentials`.
    pub fn merge_steam(
        &self,
        user: &str,
        account: &str,
        secrets: &SteamSecrets,
    ) -> Result<Account, ClientError> {
        let path = path(&["subjects", user, "credentials", "steam", account]);
        self.call_with(Method::PUT, &with_query(path, &[("merge", Some("true".to_owned()))]), secrets)
    }

    /// A Steam Guard code; the secret stays in the vault.
    pub fn guard_code(&self, user: &str, account: &str) -> Result<GuardCode, ClientError> {
        self.call(Method::POST, &path(&["subjects", user, "credentials", "steam", account, "guard-code"]))
    }

    /// The same where Steam's clock is so many seconds ahead of the vault's.
    pub fn guard_code_at(&self, user: &str, account: &str, offset: i64) -> Result<GuardCode, ClientError> {
        let path = path(&["subjects", user, "credentials", "steam", account, "guard-code"]);
        self.call_with(Method::POST, &path, &serde_json::json!({ "offset": offset }))
    }

    /// A key for a confirmation (`conf`, `details`, `allow`, ...); the secret stays in the vault.
    pub fn confirmation_key(
        &self,
        user: &str,
        account: &str,
        tag: &str,
        offset: i64,
    ) -> Result<ConfirmationKey, ClientError> {
        let path = path(&["subjects", user, "credentials", "steam", account, "confirmation-key"]);
        self.call_with(Method::POST, &path, &serde_json::json!({ "tag": tag, "offset": offset }))
    }
}

/// Consents.
impl Client {
    /// Records a consent.
    pub fn give_consent(
        &self,
        user: &str,
        purpose: &str,
        given: &ConsentGiven,
    ) -> Result<Consent, ClientError> {
        self.call_with(Method::PUT, &path(&["subjects", user, "consents", purpose]), given)
    }

    /// Withdraws a consent, and has forgotten what depended on it.
    pub fn withdraw_consent(&self, user: &str, purpose: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "consents", purpose]))
    }

    /// Every consent given or withdrawn.
    pub fn consents(&self, user: &str) -> Result<Vec<Consent>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            consents: Vec<Consent>,
        }
        self.call(Method::GET, &path(&["subjects", user, "consents"])).map(|answer: Answer| answer.consents)
    }
}

/// The service itself; these need no token, but send it.
impl Client {
    /// Whether the process serves.
    pub fn healthy(&self) -> Result<(), ClientError> {
        self.send(self.request(Method::GET, "/healthz"), ()).map(drop)
    }

    /// Whether the vault can take reads and writes, and why not.
    pub fn ready(&self) -> Result<Ready, ClientError> {
        json(self.exchange(self.request(Method::GET, "/readyz"), ())?)
    }

    /// The service's OpenAPI document.
    pub fn openapi(&self) -> Result<Value, ClientError> {
        json(self.send(self.request(Method::GET, "/openapi.json"), ())?)
    }
}
