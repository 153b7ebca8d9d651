//! `escrow.json`: who holds what, which windows sealed which roots, and which keys are destroyed. It stands in the ledger, since no
//! restore may roll it back: from it follows when an erasure is final.

use std::collections::BTreeMap;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use oubliette_crypto::VaultId;
use serde::{Deserialize, Serialize};

use super::card::public_of;
use super::{EscrowPlan, HolderCard, HolderStatement, WindowKey};
use crate::VaultError;

/// Version of the file.
const FORMAT: u32 = 1;
const DAY: i64 = 24 * 3600;
/// A window of a hundred years is none.
const MAX_DAYS: u32 = 366;

/// The set-up as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    format: u32,
    /// The vault's id, hexadecimal.
    vault: String,
    pub(super) store: PathBuf,
    pub(super) threshold: u8,
    pub(super) days: u32,
    /// When window 1 began, in seconds since the Unix epoch.
    started: i64,
    pub(super) holders: Vec<Holder>,
    /// Windows that sealed something, in their order.
    pub(super) sealed: Vec<Sealed>,
    pub(super) statements: Vec<HolderStatement>,
}

/// One holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) sign: String,
    /// By window.
    pub(super) keys: BTreeMap<u32, String>,
}

/// A window that sealed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    pub(super) window: u32,
    /// No root of an earlier generation was sealed in it.
    pub(super) first_generation: u64,
    /// Its end, in seconds since the Unix epoch.
    pub(super) ends: i64,
    pub(super) threshold: u8,
    /// To whom: holders and the names of their keys.
    pub(super) to: BTreeMap<String, String>,
}

impl Setup {
    pub(super) fn begin(plan: EscrowPlan, vault: VaultId, now: i64) -> Result<Self, VaultError> {
        let store =
            std::path::absolute(&plan.store).map_err(VaultError::io("finding the place of", &plan.store))?;
        if plan.days == 0 || plan.days > MAX_DAYS {
            return Err(VaultError::invalid("days", format!("a window lasts 1 to {MAX_DAYS} days")));
        }
        let mut setup = Self {
            format: FORMAT,
            vault: vault.to_string(),
            store,
            threshold: plan.threshold,
            days: plan.days,
            started: now,
            holders: Vec::new(),
            sealed: Vec::new(),
            statements: Vec::new(),
        };
        plan.holders.iter().try_for_each(|card| setup.take_card(card))?;
        if plan.threshold == 0 || usize::from(plan.threshold) > setup.holders.len() {
            let reason = format!("of {} holders 1 to {0} can be needed", setup.holders.len());
            return Err(VaultError::invalid("threshold", reason));
        }
        setup.recipients(1)?;
        Ok(setup)
    }

    pub(super) fn parse(json: &str) -> Result<Self, String> {
        let setup: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if setup.format != FORMAT {
            return Err(format!("it is of format {}, this version reads {FORMAT}", setup.format));
        }
        let ascending = setup.sealed.is_sorted_by(|a, b| {
            a.window < b.window && a.first_generation <= b.first_generation && a.ends <= b.ends
        });
        if setup.days == 0 || setup.days > MAX_DAYS || setup.threshold == 0 || !ascending {
            return Err("its windows are not in order".to_owned());
        }
        Ok(setup)
    }

    pub(super) fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    pub(super) fn is_of(&self, vault: VaultId) -> bool {
        self.vault == vault.to_string()
    }

    /// The window at a time; never one before the last that sealed something, whatever the clock says.
    pub(super) fn window_at(&self, now: i64) -> u32 {
        let passed = now.saturating_sub(self.started).max(0) / self.length();
        let by_clock = u32::try_from(passed).unwrap_or(u32::MAX - 1).saturating_add(1);
        by_clock.max(self.sealed.last().map_or(1, |last| last.window))
    }

    /// When a window ends, in seconds since the Unix epoch.
    pub(super) fn end_of(&self, window: u32) -> i64 {
        self.started.saturating_add(self.length().saturating_mul(window.into()))
    }

    fn length(&self) -> i64 {
        i64::from(self.days) * DAY
    }

    /// Names of holders who have given no key for a window, or have said that it is destroyed.
    pub(super) fn without_key(&self, window: u32) -> Vec<String> {
        let lack = self.holders.iter().filter(|holder| self.key_of(holder, window).is_none());
        lack.map(|holder| holder.name.clone()).collect()
    }

    /// A holder's key for a window, as far as anybody knows that there is one.
    fn key_of(&self, holder: &Holder, window: u32) -> Option<WindowKey> {
        let public = holder.keys.get(&window).filter(|_| !self.is_destroyed(&holder.name, window))?;
        Some(WindowKey { window, public: public.clone() })
    }

    fn is_destroyed(&self, holder: &str, window: u32) -> bool {
        self.statements.iter().any(|said| said.window == window && said.holder == holder)
    }

    /// Who can open what is sealed in a window, by name.
    pub(super) fn recipients(&self, window: u32) -> Result<Vec<(String, WindowKey)>, VaultError> {
        let key = |holder: &Holder| Some((holder.name.clone(), self.key_of(holder, window)?));
        let recipients: Vec<_> = self.holders.iter().filter_map(key).collect();
        if recipients.len() < usize::from(self.threshold) {
            let (destroyed, lack): (Vec<_>, Vec<_>) =
                self.without_key(window).into_iter().partition(|name| self.is_destroyed(name, window));
            let mut detail = format!(
                "of the {} holders that are needed only {} have a key for window {window}: nothing is put in escrow",
                self.threshold,
                recipients.len()
            );
            if !lack.is_empty() {
                detail += &format!(
                    ". Missing: {}. Ask them for a card (`oubliette escrow holder keygen --window {window}`), then `oubliette escrow rotate --card FILE`",
                    lack.join(", ")
                );
            }
            if !destroyed.is_empty() {
                detail += &format!(
                    ". Destroyed, as they state: {}. A holder gives one key for a window: bring in another holder by a card for it, or wait for window {}",
                    destroyed.join(", "),
                    window.saturating_add(1)
                );
            }
            return Err(VaultError::Other { detail });
        }
        Ok(recipients)
    }

    /// Whether enough of the keys that a root was sealed to in a window are left to open it.
    pub(super) fn still_opens(&self, window: u32, keys: &[[u8; 16]]) -> bool {
        let theirs = |said: &&HolderStatement| {
            said.window == window && keys.iter().any(|key| HEXLOWER.encode(key) == said.key)
        };
        let destroyed = self.statements.iter().filter(theirs).count();
        keys.len().saturating_sub(destroyed) >= usize::from(self.threshold)
    }

    /// Notes that a window is about to seal roots from this generation on, to these. True if that is news.
    pub(super) fn note_sealing(
        &mut self,
        window: u32,
        generation: u64,
        to: &[(String, WindowKey)],
    ) -> Result<bool, VaultError> {
        let (ends, threshold) = (self.end_of(window), self.threshold);
        let named = to.iter().map(|(name, key)| Ok((name.clone(), HEXLOWER.encode(&key.key()?.id()))));
        let named = named.collect::<Result<BTreeMap<_, _>, VaultError>>()?;
        // Generations go back with a root that came back: every window that is noted may from then on have sealed what came after it.
        let mut lowered = false;
        for sealed in self.sealed.iter_mut().filter(|sealed| sealed.first_generation > generation) {
            (sealed.first_generation, lowered) = (generation, true);
        }
        match self.sealed.last_mut().filter(|last| last.window == window) {
            Some(last) => {
                let news = named.iter().any(|(name, key)| last.to.get(name) != Some(key));
                last.to.extend(named);
                Ok(news || lowered)
            }
            None => {
                self.sealed.push(Sealed { window, first_generation: generation, ends, threshold, to: named });
                Ok(true)
            }
        }
    }

    /// A key that was used is not exchanged, and a holder's signing key stays what it was.
    pub(super) fn take_card(&mut self, card: &HolderCard) -> Result<(), VaultError> {
        card.check()?;
        // Nothing shows that a holder has the private half: two with one key would be one person with two shares.
        let theirs = |holder: &Holder| {
            holder.sign == card.sign
                || card.keys.iter().any(|key| holder.keys.values().any(|known| *known == key.public))
        };
        if let Some(other) = self.holders.iter().find(|holder| holder.name != card.holder && theirs(holder)) {
            let reason = format!("`{}` gives a key that `{}` has given", card.holder, other.name);
            return Err(VaultError::invalid("card", reason));
        }
        let at = match self.holders.iter().position(|holder| holder.name == card.holder) {
            Some(at) => at,
            None => {
                let new =
                    Holder { name: card.holder.clone(), sign: card.sign.clone(), keys: BTreeMap::new() };
                self.holders.push(new);
                self.holders.len() - 1
            }
        };
        let Some(holder) = self.holders.get_mut(at) else { return Ok(()) };
        if holder.sign != card.sign {
            let reason =
                format!("`{}` signs with another key than before: it is not the same holder", card.holder);
            return Err(VaultError::invalid("card", reason));
        }
        for key in &card.keys {
            let known = holder.keys.entry(key.window).or_insert_with(|| key.public.clone());
            if *known != key.public {
                let reason =
                    format!("`{}` has given another key for window {} before", card.holder, key.window);
                return Err(VaultError::invalid("card", reason));
            }
        }
        if self.holders.len() > usize::from(oubliette_crypto::escrow::MAX_SHARES) {
            return Err(VaultError::invalid("card", "there are at most 255 holders"));
        }
        Ok(())
    }

    pub(super) fn take_statement(&mut self, statement: &HolderStatement) -> Result<(), VaultError> {
        let refused = |reason: String| Err(VaultError::invalid("statement", reason));
        let Some(holder) = self.holders.iter().find(|holder| holder.name == statement.holder) else {
            return refused(format!("`{}` is no holder of this escrow", statement.holder));
        };
        let key = holder.keys.get(&statement.window).cloned();
        let Some(key) = key.map(|public| WindowKey { window: statement.window, public }) else {
            return refused(format!("`{}` gave no key for window {}", statement.holder, statement.window));
        };
        if HEXLOWER.encode(&key.key()?.id()) != statement.key {
            return refused(format!(
                "it is about another key than `{}` gave for window {}",
                statement.holder, statement.window
            ));
        }
        if !statement.is_of(&public_of(&holder.sign)?)? {
            return refused(format!("it does not bear the signature of `{}`", statement.holder));
        }
        let known = self
            .statements
            .iter()
            .any(|known| known.holder == statement.holder && known.window == statement.window);
        if !known {
            self.statements.push(statement.clone());
        }
        Ok(())
    }

    /// Holders of a window's keys who have not said yet that they destroyed them.
    pub(super) fn not_destroyed(&self, sealed: &Sealed) -> Vec<String> {
        sealed.to.keys().filter(|name| !self.is_destroyed(name, sealed.window)).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
