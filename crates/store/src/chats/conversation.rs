//! Where both sides of a conversation stand: kept for busy ones, bounded, found again by looking at the newest rows.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use lru::LruCache;
use oubliette_crypto::{Class, Handle};

use super::Chats;
use super::message::Facts;
use super::peer::conversation_name;
use crate::VaultError;
use crate::locks::lock;
use crate::names::Spot;
use crate::person::Person;
use crate::rows::Run;

const MAX_KEPT: NonZeroUsize = NonZeroUsize::new(16 * 1024).unwrap();

/// Numbers only: no content, no names.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) mine: Stand,
    pub(super) theirs: Stand,
    /// Highest order on either side.
    pub(super) order: u64,
}

/// How far one side has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    pub(super) compartment: u32,
    /// Highest seq used there.
    pub(super) seq: u64,
}

impl State {
    fn turned(self) -> Self {
        Self { mine: self.theirs, theirs: self.mine, order: self.order }
    }
}

/// By both handles, smaller first, as that one sees it.
pub(crate) struct Conversations(Mutex<LruCache<(Handle, Handle), State>>);

impl Conversations {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(MAX_KEPT)))
    }

    pub(super) fn get(&self, me: Handle, peer: Handle) -> Option<State> {
        let state = lock(&self.0).get(&(me.min(peer), me.max(peer))).copied();
        state.map(|state| if me < peer { state } else { state.turned() })
    }

    pub(super) fn set(&self, me: Handle, peer: Handle, state: State) {
        let state = if me < peer { state } else { state.turned() };
        lock(&self.0).put((me.min(peer), me.max(peer)), state);
    }

    pub(super) fn forget(&self, me: Handle, peer: Handle) {
        lock(&self.0).pop(&(me.min(peer), me.max(peer)));
    }

    /// Drops all that an erased person took part in.
    pub(crate) fn forget_person(&self, handle: Handle) {
        let mut kept = lock(&self.0);
        let theirs: Vec<_> =
            kept.iter().map(|(key, _)| *key).filter(|(a, b)| *a == handle || *b == handle).collect();
        for key in theirs {
            kept.pop(&key);
        }
    }
}

/// A conversation about to be written to. The caller holds the pair's lock.
pub(super) struct Standing {
    pub(super) state: State,
    /// This side has no compartment yet, or forgot the one it had.
    pub(super) mine: Option<Spot>,
    /// The same of the peer.
    pub(super) theirs: Option<Spot>,
}

impl Chats {
    pub(super) fn standing(&self, peer: &Person) -> Result<Standing, VaultError> {
        let (me, them) = (self.person.handle(), peer.handle());
        if let Some(state) = self.person.vault.conversations.get(me, them) {
            return Ok(Standing { state, mine: None, theirs: None });
        }
        let mine = self.person.spot(Class::Chat, &conversation_name(them))?;
        let theirs = peer.spot(Class::Chat, &conversation_name(me))?;
        let state = State {
            mine: stand(&self.person, &mine)?,
            theirs: stand(peer, &theirs)?,
            order: last_order(&self.person, &mine)?.max(last_order(peer, &theirs)?),
        };
        let new = |spot: Spot| Some(spot).filter(|spot| matches!(spot, Spot::New(_)));
        Ok(Standing { state, mine: new(mine), theirs: new(theirs) })
    }
}

fn stand(person: &Person, spot: &Spot) -> Result<Stand, VaultError> {
    let run = Run::items(Class::Chat, spot.compartment());
    let seq = person.next_seq(run)?.saturating_sub(1);
    Ok(Stand { compartment: run.compartment, seq })
}

/// Order of the newest message that can be read on one side; 0 if there is none.
fn last_order(person: &Person, spot: &Spot) -> Result<u64, VaultError> {
    let Spot::Known(entry) = spot else { return Ok(0) };
    match person.newest(Run::items(Class::Chat, entry.compartment))? {
        Some((place, row)) => Ok(person.open(place, &row)?.facts_as::<Facts>()?.order),
        None => Ok(entry.from),
    }
}
