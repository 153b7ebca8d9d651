//! Follow play, what is kept of a slot, and quotas' neighbours: small calls around saves.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, path},
    saves::{SaveBody, SaveRead},
    types::{Deletion, Keep, Share, ShareGiven, SlotKeep},
};

/// Follow play.
impl Client {
    /// Lets others continue from a slot's newest version, in place of an earlier share.
    pub fn share_save(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        share: &ShareGiven,
    ) -> Result<Share, ClientError> {
        self.call_with(Method::PUT, &path(&["subjects", user, "saves", game, slot, "share"]), share)
    }

    /// Who may continue from a slot.
    pub fn shared_save(&self, user: &str, game: &str, slot: &str) -> Result<Share, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "saves", game, slot, "share"]))
    }

    /// Ends a share.
    pub fn unshare_save(&self, user: &str, game: &str, slot: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "saves", game, slot, "share"]))
    }

    /// Opens the newest version of a slot that `owner` shares with `follower`; `None` if it is still the one named by `if_none_match`. There is no
    /// telling why one is not to be had: 404 in every case. [`SaveRead::version`] is not looked at.
    pub fn follow(
        &self,
        follower: &str,
        owner: &str,
        game: &str,
        slot: &str,
        read: &SaveRead,
    ) -> Result<Option<SaveBody>, ClientError> {
        self.open_save(&path(&["subjects", follower, "follow", owner, game, slot]), read)
    }

    /// The person's own switch: off hides every share at once.
    pub fn set_follow_play(&self, user: &str, enabled: bool) -> Result<(), ClientError> {
        let path = path(&["subjects", user, "settings", "follow-play"]);
        self.call_with::<Value>(Method::PUT, &path, &json!({ "enabled": enabled })).map(drop)
    }

    /// Whether the person's shares are to be seen at all.
    pub fn follow_play(&self, user: &str) -> Result<bool, ClientError> {
        #[derive(serde::Deserialize)]
        struct Answer {
            enabled: bool,
        }
        let path = path(&["subjects", user, "settings", "follow-play"]);
        self.call(Method::GET, &path).map(|answer: Answer| answer.enabled)
    }
}

/// What is kept of a slot.
impl Client {
    /// Sets it, and forgets at once what is too much. Without limits the slot has nothing of its own any more.
    pub fn keep_saves(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        keep: &Keep,
    ) -> Result<SlotKeep, ClientError> {
        self.call_with(Method::PUT, &path(&["subjects", user, "saves", game, slot, "retention"]), keep)
    }

    /// What is kept, and who says so.
    pub fn kept_saves(&self, user: &str, game: &str, slot: &str) -> Result<SlotKeep, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "saves", game, slot, "retention"]))
    }
}
