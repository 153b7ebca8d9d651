//! What one person sets for one conversation: it stands in the meta of their side, of which the newest counts.

use oubliette_crypto::{Class, Path};
use oubliette_engine::Batch;

use super::Chats;
use super::peer::conversation_name;
use super::policy::ChatPolicy;
use crate::VaultError;
use crate::names::{Entry, Meta, Spot};
use crate::person::{Person, leaf};
use crate::rows::{Bounds, Place, Run};

/// One person's settings of one conversation. They bind this person's side alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatSettings {
    /// The policy of their messages for which they name none; `None`: the vault's.
    pub default_policy: Option<ChatPolicy>,
    /// Days after which their side is forgotten message by message, if that is sooner than the vault says.
    pub keep_days: Option<u32>,
}

impl From<&Entry> for ChatSettings {
    fn from(entry: &Entry) -> Self {
        Self { default_policy: entry.policy, keep_days: entry.keep }
    }
}

impl Chats {
    /// What this person set for a conversation.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`].
    pub fn settings(&self, peer: &str) -> Result<ChatSettings, VaultError> {
        let peer = self.peer(peer)?.handle();
        Ok(self.mine(peer)?.as_ref().map(ChatSettings::from).unwrap_or_default())
    }

    /// Sets both; opens this person's side of the conversation if there is none yet. Messages already written keep their policy.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`], [`VaultError::PeerGone`]; [`VaultError::Invalid`] for 0 days; [`VaultError::Busy`];
    /// [`VaultError::GuardianConsentRequired`], [`VaultError::RegionMismatch`].
    pub fn set(&self, peer: &str, settings: &ChatSettings) -> Result<(), VaultError> {
        if settings.keep_days == Some(0) {
            return Err(VaultError::invalid("keep_days", "must be 1 or more"));
        }
        let peer = self.peer(peer)?.alive()?;
        let (me, them) = (self.person.handle(), peer.handle());
        let _lock = self.person.vault.pairs.lock((me.min(them), me.max(them)));
        let name = conversation_name(them);
        let spot = self.person.spot(Class::Chat, &name)?;
        self.person.may_store()?;
        let from = match &spot {
            Spot::Known(entry) => Some(entry.from).filter(|from| *from > 0),
            // Who forgot their side and opens it again sees nothing of before.
            Spot::New(_) => {
                let order = self.standing(&peer)?.state.order;
                Some(order.saturating_add(1)).filter(|_| order > 0)
            }
        };
        let meta = Meta { name, from, policy: settings.default_policy, keep: settings.keep_days };
        let run = Run::meta(Class::Chat, spot.compartment());
        let seq = self.person.next_seq(run)?;
        let draft = self.person.seal_meta(Class::Chat, spot.compartment(), seq, &meta)?;
        self.person.commit(draft, Batch::new())?;
        self.person.learn(Class::Chat, spot.compartment(), meta);
        self.person.vault.conversations.forget(me, them);
        self.person.cut_older_metas(run.at(seq))
    }

    /// The policy of this person's messages to somebody for which they name none.
    pub(super) fn default_policy(&self, peer: oubliette_crypto::Handle) -> Result<ChatPolicy, VaultError> {
        let set = self.mine(peer)?.and_then(|entry| entry.policy);
        Ok(set.unwrap_or(self.person.vault.settings.chat.default_policy))
    }
}

impl Person {
    /// Ends the replacement of a meta: those before it are cut and removed.
    pub(crate) fn cut_older_metas(&self, newest: Place) -> Result<(), VaultError> {
        let (run, last) = (newest.run(), newest.seq.saturating_sub(1));
        if last == 0 {
            return Ok(());
        }
        let bounds = Bounds::seqs(&self.handle(), run, 0..=last);
        let mut paths = Vec::new();
        self.each_row(bounds.clone(), &mut |place, _| {
            if !self.is_cut(place)? {
                paths.push(Path::leaf(&leaf(place))?);
            }
            Ok(true)
        })?;
        if !paths.is_empty() {
            self.supersede(paths)?;
        }
        self.remove_rows(&bounds)
    }
}
