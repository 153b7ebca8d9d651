//! One event, done to the vault and, once it is acknowledged, to the model.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use oubliette_adversary::{Canary, WorldError};
use oubliette_crypto::hpke::{ReleaseContext, SealedRelease, open_release};
use oubliette_crypto::{ReleaseKey, VaultId};
use oubliette_store::{
    Audience, Body, ChatPolicy, ConsentGiven, ErasureOutcome, Keep, NewHold, NewMessage, PutOptions,
    Recipient, RecordOptions, ReleaseRequest, Share, SteamFields, SubjectFacts, VaultError,
};

use crate::conversations::Message;
use crate::doubt::Doubt;
use crate::filler::{Size, around};
use crate::history::{CONSENT, History, PURPOSE};
use crate::op::{Op, SPOTS};
use crate::people::{Account, Record, Slot};

type Done = Result<(), WorldError>;

impl History {
    pub(crate) fn perform(&mut self, op: &Op) -> Done {
        match *op {
            Op::Put { who, spot, size } => self.living(who, |it| it.put(who, spot, size)),
            Op::Break { who, spot } => self.living(who, |it| it.break_off(who, spot)),
            Op::ForgetVersion { who, spot, nth } => self.living(who, |it| it.forget_version(who, spot, nth)),
            Op::ForgetSlot { who, spot } => self.living(who, |it| it.forget_slot(who, spot)),
            Op::Keep { who, spot, last } => self.living(who, |it| it.keep(who, spot, last)),
            Op::Share { who, spot, to } => self.pair(who, to, |it| it.share(who, spot, to)),
            Op::Unshare { who, spot } => self.living(who, |it| it.unshare(who, spot)),
            Op::Lend { who, spot } => self.living(who, |it| it.lend(who, spot)),
            Op::Say { who, to, long, policy } => self.pair(who, to, |it| it.say(who, to, long, policy)),
            Op::ForgetTheirs { who, to, nth } => self.pair(who, to, |it| it.forget_theirs(who, to, nth)),
            Op::ForgetMessage { who, to, nth } => self.pair(who, to, |it| it.forget_message(who, to, nth)),
            Op::ForgetThrough { who, to, nth } => self.pair(who, to, |it| it.forget_through(who, to, nth)),
            Op::ForgetSide { who, to } => self.pair(who, to, |it| it.forget_side(who, to)),
            Op::Consent { who } => self.living(who, |it| it.consent(who)),
            Op::Withdraw { who } => self.living(who, |it| it.withdraw(who)),
            Op::SetSteam { who, spot } => self.living(who, |it| it.set_steam(who, spot)),
            Op::ForgetSteam { who, spot } => self.living(who, |it| it.forget_steam(who, spot)),
            Op::Record { who, spot, long } => self.living(who, |it| it.record(who, spot, long)),
            Op::ForgetRecord { who, spot } => self.living(who, |it| it.forget_record(who, spot)),
            Op::WithdrawRecords { who } => self.living(who, |it| it.withdraw_records(who)),
            Op::Hold { who } => self.living(who, |it| it.hold(who)),
            Op::Lift { who } => self.living(who, |it| it.lift(who)),
            Op::Release { who, spot } => self.living(who, |it| it.release(who, spot)),
            Op::Move { who } => self.living(who, |it| it.settle(who, false)),
            Op::Erase { who } => self.living(who, |it| it.erase(who)),
            Op::Reopen { who } if !self.people[who].alive => self.settle(who, true),
            Op::Reopen { .. } => Ok(()),
            Op::Sweep => self.sweep(),
            Op::Restart => self.restart(),
            Op::BackUp => self.back_up(),
            Op::Restore => self.restore(),
            Op::Month => self.month(),
            Op::Seize | Op::Cut { .. } | Op::Strike { .. } => Err("not one event".into()),
        }
    }

    fn sweep(&mut self) -> Done {
        self.world.vault()?.sweep(1000)?;
        // What a power cut left of forgetting is forgotten now.
        self.people.iter_mut().flat_map(|person| &mut person.slots).for_each(Slot::trim);
        self.did("sweep");
        Ok(())
    }

    fn living(&mut self, who: usize, act: impl FnOnce(&mut Self) -> Done) -> Done {
        if self.people[who].alive { self.kept(who, act) } else { Ok(()) }
    }

    fn pair(&mut self, who: usize, to: usize, act: impl FnOnce(&mut Self) -> Done) -> Done {
        if who != to && self.people[who].alive && self.people[to].alive {
            self.kept(who, act)
        } else {
            Ok(())
        }
    }

    /// What somebody under a hold forgets, or replaces, is there all the same.
    fn kept(&mut self, who: usize, act: impl FnOnce(&mut Self) -> Done) -> Done {
        if !self.people[who].held {
            return act(self);
        }
        let (before, parts) = (self.theirs(who), self.conversations.parts(who));
        act(self)?;
        let (after, left) = (self.theirs(who), self.conversations.parts(who));
        if self.people[who].held {
            // Of what hangs on another, too, they keep their part; whether it can be read is the other's to say.
            let shared: BTreeSet<Canary> = parts.difference(&left).cloned().collect();
            let gone = before.difference(&after).filter(|canary| !shared.contains(canary)).cloned();
            self.people[who].kept.extend(gone);
            self.people[who].maybe.extend(shared);
        }
        Ok(())
    }

    /// Creates a person or changes their region.
    pub(crate) fn settle(&mut self, who: usize, reopen: bool) -> Done {
        let region = self.plant();
        self.doubt = Doubt::Region { who, new: region.clone() };
        let facts = SubjectFacts { region: Some(region.as_str().to_owned()), ..SubjectFacts::default() };
        self.world.vault()?.put_subject(self.people[who].id.as_str(), &facts, reopen)?;
        self.people[who].alive = true;
        self.people[who].unknown = false;
        self.people[who].region = Some(region);
        self.did(if reopen { "reopen" } else { "settle" });
        Ok(())
    }

    fn put(&mut self, who: usize, spot: usize, size: Size) -> Done {
        let content = [self.plant(), self.plant()];
        if self.people[who].slots.get(spot % SPOTS).is_some_and(|slot| slot.keep.is_some()) {
            self.let_go(who);
        }
        let known =
            self.people[who].slots.get(spot % SPOTS).map(|slot| [slot.game.clone(), slot.name.clone()]);
        let [game, name] = known.unwrap_or_else(|| [self.plant(), self.plant()]);
        self.doubt = Doubt::Version { who, slot: [game.clone(), name.clone()], content: content.clone() };
        let saves = self.subject(who)?.saves();
        // Long facts of a large value stand in its body.
        let filler = if matches!(size, Size::Small) { 10 } else { 2000 };
        let meta = format!("{{\"note\":\"{}\",\"filler\":\"{}\"}}", content[1].as_str(), "x".repeat(filler));
        let options = PutOptions { meta: Some(meta), ..PutOptions::default() };
        let bytes = around(&content[0], size);
        let info = saves.put(game.as_str(), name.as_str(), &options, &mut bytes.as_slice())?;
        let slots = &mut self.people[who].slots;
        match slots.iter_mut().find(|slot| slot.name == name) {
            Some(slot) => {
                slot.versions.insert(info.version, content);
                slot.trim();
            }
            None => {
                slots.push(Slot { game, name, versions: [(info.version, content)].into(), keep: None });
            }
        }
        self.did("put");
        Ok(())
    }

    fn break_off(&mut self, who: usize, spot: usize) -> Done {
        let canary = self.plant();
        self.people[who].maybe.push(canary.clone());
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get(spot) else { return Ok(()) };
        let content = around(&canary, Size::Dense);
        let mut content = content.as_slice().chain(Broken);
        let refused = saves.put(slot.game.as_str(), slot.name.as_str(), &PutOptions::default(), &mut content);
        match refused {
            Err(VaultError::Upload(_)) => self.did("break off"),
            Err(other) => return Err(other.into()),
            Ok(_) => return Err("a broken upload was taken".into()),
        }
        Ok(())
    }

    fn forget_version(&mut self, who: usize, spot: usize, nth: usize) -> Done {
        self.let_go(who);
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get_mut(spot) else { return Ok(()) };
        let Some(version) = slot.versions.keys().nth(nth % slot.versions.len().max(1)).copied() else {
            return Ok(());
        };
        saves.forget_version(slot.game.as_str(), slot.name.as_str(), version)?;
        slot.versions.remove(&version);
        self.did("forget version");
        Ok(())
    }

    fn forget_slot(&mut self, who: usize, spot: usize) -> Done {
        self.let_go(who);
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get(spot) else { return Ok(()) };
        saves.forget_slot(slot.game.as_str(), slot.name.as_str())?;
        self.people[who].slots.remove(spot);
        self.did("forget slot");
        Ok(())
    }

    fn keep(&mut self, who: usize, spot: usize, last: u32) -> Done {
        self.let_go(who);
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get_mut(spot) else { return Ok(()) };
        saves.set_keep(slot.game.as_str(), slot.name.as_str(), Keep { last: Some(last), days: None })?;
        slot.keep = Some(last);
        slot.trim();
        self.did("keep");
        Ok(())
    }

    fn share(&mut self, who: usize, spot: usize, to: usize) -> Done {
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get(spot) else { return Ok(()) };
        let audience = Audience::Users(vec![self.people[to].id.as_str().to_owned()]);
        saves.share(slot.game.as_str(), slot.name.as_str(), &Share { audience, expires: None })?;
        self.did("share");
        Ok(())
    }

    fn unshare(&mut self, who: usize, spot: usize) -> Done {
        let saves = self.subject(who)?.saves();
        let Some(slot) = self.people[who].slots.get(spot) else { return Ok(()) };
        match saves.unshare(slot.game.as_str(), slot.name.as_str()) {
            Ok(_) => self.did("unshare"),
            Err(VaultError::NotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    /// What is kept of the slots, as the vault says.
    pub(crate) fn see_what_is_kept(&mut self) -> Done {
        for who in (0..self.people.len()).filter(|who| self.people[*who].alive).collect::<Vec<_>>() {
            let saves = self.subject(who)?.saves();
            for slot in &mut self.people[who].slots {
                slot.keep = saves.keep(slot.game.as_str(), slot.name.as_str())?.own.last;
            }
        }
        Ok(())
    }

    fn lend(&mut self, who: usize, spot: usize) -> Done {
        let Some(slot) = self.people[who].slots.get(spot).filter(|slot| !slot.versions.is_empty()) else {
            return Ok(());
        };
        let mut reader = self.subject(who)?.saves().get(slot.game.as_str(), slot.name.as_str(), None)?;
        reader.next_chunk()?;
        self.readers.push((who, reader));
        self.did("lend");
        Ok(())
    }

    /// Whoever forgets something of theirs ends their downloads.
    fn let_go(&mut self, who: usize) {
        self.readers.retain(|(reader, _)| *reader != who);
    }

    fn say(&mut self, who: usize, to: usize, long: bool, policy: ChatPolicy) -> Done {
        let canary = self.plant();
        self.doubt = Doubt::Message { who, to, canary: canary.clone(), policy };
        let body = if long {
            Body::Bytes { content_type: "text/plain".into(), bytes: around(&canary, Size::Dense) }
        } else {
            Body::Text(canary.as_str().to_owned())
        };
        let message = NewMessage { body, sent_at: None, client_id: None, policy: Some(policy) };
        let posted = self.subject(who)?.chats().append(self.people[to].id.as_str(), &[message])?;
        let id = posted[0].id.clone();
        let message = Message { author: who, peer: to, id, canary, policy, gone: [false; 2] };
        self.conversations.between(who, to).push(message);
        self.did(match policy {
            ChatPolicy::Either => "say for either",
            ChatPolicy::Survivor => "say for the survivor",
            _ => "say",
        });
        Ok(())
    }

    fn forget_message(&mut self, who: usize, to: usize, nth: usize) -> Done {
        let Some(at) = self.conversations.own(who, to, nth) else { return Ok(()) };
        let chats = self.subject(who)?.chats();
        let messages = self.conversations.between(who, to);
        chats.forget_message(self.people[to].id.as_str(), &messages[at].id)?;
        messages[at].let_go(who);
        messages.retain(Message::alive);
        self.did("forget message");
        Ok(())
    }

    fn forget_theirs(&mut self, who: usize, to: usize, nth: usize) -> Done {
        let Some(at) = self.conversations.theirs(who, to, nth) else { return Ok(()) };
        let chats = self.subject(who)?.chats();
        let messages = self.conversations.between(who, to);
        chats.forget_message(self.people[to].id.as_str(), &messages[at].id)?;
        messages[at].let_go(who);
        messages.retain(Message::alive);
        self.did("forget theirs");
        Ok(())
    }

    fn forget_through(&mut self, who: usize, to: usize, nth: usize) -> Done {
        let Some(at) = self.conversations.own(who, to, nth) else { return Ok(()) };
        let chats = self.subject(who)?.chats();
        let messages = self.conversations.between(who, to);
        chats.forget_through(self.people[to].id.as_str(), &messages[at].id)?;
        self.conversations.let_go(who, to, at + 1);
        self.did("forget through");
        Ok(())
    }

    fn forget_side(&mut self, who: usize, to: usize) -> Done {
        match self.subject(who)?.chats().forget_side(self.people[to].id.as_str()) {
            Ok(_) => self.did("forget side"),
            Err(VaultError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.conversations.let_go(who, to, usize::MAX);
        Ok(())
    }

    fn consent(&mut self, who: usize) -> Done {
        let evidence = self.plant();
        self.doubt = Doubt::Evidence { who, new: evidence.clone() };
        let given = ConsentGiven { evidence: Some(evidence.as_str().to_owned()), ..ConsentGiven::default() };
        self.subject(who)?.consents().give(CONSENT, &given)?;
        self.people[who].evidence.push(evidence);
        self.people[who].consent = true;
        self.did("consent");
        Ok(())
    }

    fn withdraw(&mut self, who: usize) -> Done {
        if self.people[who].consent {
            self.subject(who)?.consents().withdraw(CONSENT)?;
            self.people[who].consent = false;
            self.people[who].accounts.clear();
            self.did("withdraw");
        }
        Ok(())
    }

    fn set_steam(&mut self, who: usize, spot: usize) -> Done {
        if !self.people[who].consent {
            return self.consent(who);
        }
        let password = self.plant();
        let known = self.people[who].accounts.get(spot % SPOTS).map(|account| account.name.clone());
        let name = known.unwrap_or_else(|| self.plant());
        self.doubt = Doubt::Password { who, account: name.clone(), new: password.clone() };
        let fields = BTreeMap::from([("password".to_owned(), password.as_str().to_owned())]);
        match self.subject(who)?.credentials().set_steam(name.as_str(), SteamFields(fields)) {
            // A withdrawal of which a restored backup does not know.
            Err(VaultError::ConsentRequired { .. }) => return self.consent(who),
            Err(other) => return Err(other.into()),
            Ok(_) => {}
        }
        let accounts = &mut self.people[who].accounts;
        match accounts.iter_mut().find(|account| account.name == name) {
            Some(account) => *account = Account { name, password: Some(password), uses: Vec::new() },
            None => accounts.push(Account { name, password: Some(password), uses: Vec::new() }),
        }
        self.did("set steam");
        Ok(())
    }

    /// The recipient opens the answer; of what travelled nothing is to be found in the vault.
    fn release(&mut self, who: usize, spot: usize) -> Done {
        let purpose = self.plant();
        let Some(account) = self.people[who].accounts.get(spot) else { return Ok(()) };
        let (name, password) = (account.name.clone(), account.password.clone());
        self.doubt = Doubt::Use { who, account: name.clone(), new: purpose.clone() };
        let key = ReleaseKey::generate()?;
        let asked = ReleaseRequest {
            fields: vec!["password".to_owned()],
            purpose: purpose.as_str().to_owned(),
            request: None,
            recipient: Recipient { name: "host".to_owned(), key: key.public().id().to_string() },
            key: key.public(),
        };
        let released = match self.subject(who)?.credentials().release(name.as_str(), &asked) {
            Err(VaultError::ConsentRequired { .. }) => return self.consent(who),
            other => other?,
        };
        let vault = VaultId(u128::from_str_radix(&released.vault, 16)?.to_be_bytes());
        let release = u128::from_str_radix(&released.release, 16)?.to_be_bytes();
        let context = ReleaseContext {
            vault: &vault,
            release: &release,
            request: &released.request,
            purpose: &released.purpose,
        };
        let sealed = SealedRelease { enc: released.enc, ciphertext: released.ciphertext };
        let opened = open_release(&key, &context, &sealed)?;
        assert!(password.is_none_or(|password| Canary::all_in(&opened).contains(&password)));
        self.released.push(sealed.enc);
        let accounts = &mut self.people[who].accounts;
        accounts
            .iter_mut()
            .filter(|account| account.name == name)
            .for_each(|account| account.uses.push(purpose.clone()));
        self.did("release");
        Ok(())
    }

    fn forget_steam(&mut self, who: usize, spot: usize) -> Done {
        let credentials = self.subject(who)?.credentials();
        let Some(account) = self.people[who].accounts.get(spot) else { return Ok(()) };
        credentials.forget_steam(account.name.as_str())?;
        self.people[who].accounts.remove(spot);
        self.did("forget steam");
        Ok(())
    }

    fn record(&mut self, who: usize, spot: usize, long: bool) -> Done {
        let content = self.plant();
        let known = self.people[who].records.get(spot % SPOTS).map(|record| record.id.clone());
        let id = known.unwrap_or_else(|| self.plant());
        self.doubt = Doubt::Record { who, id: id.clone(), new: content.clone() };
        let bytes = around(&content, if long { Size::Dense } else { Size::Small });
        let records = self.subject(who)?.records();
        match records.put(PURPOSE, id.as_str(), &RecordOptions::default(), &mut bytes.as_slice()) {
            // Never given, or withdrawn.
            Err(VaultError::ConsentRequired { .. }) => {
                let evidence = self.plant();
                self.people[who].maybe.extend([id, content]);
                self.doubt = Doubt::Evidence { who, new: evidence.clone() };
                let given =
                    ConsentGiven { evidence: Some(evidence.as_str().to_owned()), ..ConsentGiven::default() };
                self.subject(who)?.consents().give(PURPOSE, &given)?;
                self.people[who].evidence.push(evidence);
                return Ok(());
            }
            Err(other) => return Err(other.into()),
            Ok(_) => {}
        }
        let records = &mut self.people[who].records;
        match records.iter_mut().find(|record| record.id == id) {
            Some(record) => record.content = Some(content),
            None => records.push(Record { id, content: Some(content) }),
        }
        self.did("record");
        Ok(())
    }

    fn forget_record(&mut self, who: usize, spot: usize) -> Done {
        let records = self.subject(who)?.records();
        let Some(record) = self.people[who].records.get(spot) else { return Ok(()) };
        records.forget(PURPOSE, record.id.as_str())?;
        self.people[who].records.remove(spot);
        self.did("forget record");
        Ok(())
    }

    fn withdraw_records(&mut self, who: usize) -> Done {
        match self.subject(who)?.consents().withdraw(PURPOSE) {
            Ok(_) => self.did("withdraw records"),
            Err(VaultError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.people[who].records.clear();
        Ok(())
    }

    fn hold(&mut self, who: usize) -> Done {
        if !self.people[who].held {
            let reason = self.plant();
            self.doubt = Doubt::Hold { who, new: reason.clone() };
            let hold = NewHold { reason: Some(reason.as_str().to_owned()), expires: None };
            self.subject(who)?.holds().place("case", &hold)?;
            self.people[who].held = true;
            self.people[who].reason = Some(reason);
            self.did("hold");
        }
        Ok(())
    }

    fn lift(&mut self, who: usize) -> Done {
        if self.people[who].held {
            self.doubt = Doubt::Lift { who };
            self.subject(who)?.holds().lift("case")?;
            self.people[who].held = false;
            self.people[who].reason = None;
            self.people[who].kept.clear();
            self.did("lift");
        }
        Ok(())
    }

    fn erase(&mut self, who: usize) -> Done {
        self.let_go(who);
        let id = self.people[who].id.clone();
        self.world.hold(id.as_str())?;
        let outcomes = self.world.vault()?.erase(&[id.as_str()])?;
        if self.people[who].held {
            self.did("refused erasure");
            return match outcomes[..] {
                [ErasureOutcome::Held] => Ok(()),
                _ => Err(format!("the outcome of an erasure under a hold is {outcomes:?}").into()),
            };
        }
        let [ErasureOutcome::Erased(record)] = &outcomes[..] else {
            return Err(format!("the outcome of an erasure is {outcomes:?}").into());
        };
        self.salts.extend(record.salt.clone());
        self.depart(who);
        self.did("erase");
        Ok(())
    }
}

/// A connection that is lost.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
