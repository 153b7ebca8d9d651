//! The vault's library as the one who does what a history says and tells what is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, thread};

use oubliette_store::{
    Body, ConsentGiven, NewMessage, Page, PutOptions, SteamFields, Subject, SubjectFacts, Vault, VaultError,
    VaultOptions, Window,
};

use crate::home::Home;
use crate::model::{
    ACCOUNT, Content, FIELDS, GAME, Life, Op, PURPOSES, Person, State, User, fingerprint, user,
};

/// An open vault.
pub(crate) struct Actor {
    pub(crate) home: Home,
    vault: Vault,
    /// The rows' data folder when a compaction was begun beside what came next.
    compacting: Option<String>,
}

pub(crate) fn options(compact: bool) -> VaultOptions {
    let mut options = VaultOptions::default();
    options.engine.sled.cache_bytes = 4 << 20;
    if compact {
        options.engine.sled.compact_over = 0;
    }
    options
}

fn slot_name(slot: u8) -> String {
    format!("slot-{slot}")
}

impl Actor {
    pub(crate) fn create(home: Home) -> Result<Self, VaultError> {
        let vault = Vault::create(&home.folder(), options(false))?;
        Ok(Self::of(home, vault))
    }

    pub(crate) fn open(home: Home) -> Result<Self, VaultError> {
        let vault = Vault::open(&home.folder(), options(false))?;
        Ok(Self::of(home, vault))
    }

    pub(crate) fn of(home: Home, vault: Vault) -> Self {
        Self { home, vault, compacting: None }
    }

    pub(crate) fn close(&self) -> Result<(), VaultError> {
        self.vault.close()
    }

    /// Does it. `Die` is the caller's to do.
    pub(crate) fn act(&mut self, op: &Op) -> Result<(), VaultError> {
        match op {
            Op::Come(who) => drop(self.vault.put_subject(&user(*who), &SubjectFacts::default(), false)?),
            Op::Save { who, slot, content } => {
                let saves = self.subject(*who)?.saves();
                saves.put(
                    GAME,
                    &slot_name(*slot),
                    &PutOptions::default(),
                    &mut content.bytes().as_slice(),
                )?;
            }
            Op::ForgetVersion { who, slot } => {
                let (saves, slot) = (self.subject(*who)?.saves(), slot_name(*slot));
                let oldest = saves.versions(GAME, &slot, &all())?.items.last().map_or(0, |info| info.version);
                saves.forget_version(GAME, &slot, oldest)?;
            }
            Op::ForgetSlot { who, slot } => {
                self.subject(*who)?.saves().forget_slot(GAME, &slot_name(*slot))?;
            }
            Op::Say { who, to, bodies } => {
                let messages: Vec<_> = bodies.iter().map(|body| message(*body)).collect();
                self.subject(*who)?.chats().append(&user(*to), &messages)?;
            }
            Op::ForgetMessage { who, to } => {
                let ids = self.own(*who, *to)?;
                self.subject(*who)?.chats().forget_message(&user(*to), &ids[0])?;
            }
            Op::ForgetThrough { who, to } => {
                let ids = self.own(*who, *to)?;
                self.subject(*who)?.chats().forget_through(&user(*to), &ids[ids.len() / 2])?;
            }
            Op::Account { who, fields } => {
                let chosen = FIELDS.iter().enumerate().filter(|(n, _)| (fields >> n) & 1 == 1);
                let fields = chosen.map(|(n, field)| ((*field).to_owned(), format!("secret-{n}"))).collect();
                self.subject(*who)?.credentials().set_steam(ACCOUNT, SteamFields(fields))?;
            }
            Op::ForgetAccount { who } => drop(self.subject(*who)?.credentials().forget_steam(ACCOUNT)?),
            Op::Give { who, purpose } => {
                self.subject(*who)?.consents().give(PURPOSES[*purpose], &ConsentGiven::default())?;
            }
            Op::Withdraw { who, purpose } => {
                self.subject(*who)?.consents().withdraw(PURPOSES[*purpose])?;
            }
            Op::Block { who, peer } => self.subject(*who)?.chats().block(&user(*peer))?,
            Op::Unblock { who, peer } => self.subject(*who)?.chats().unblock(&user(*peer))?,
            Op::Erase(who) => {
                let users: Vec<String> = who.iter().map(|who| user(*who)).collect();
                self.vault.erase(&users.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
            Op::Sweep => self.sweep()?,
            Op::Fsck => self.must_be_clean(false)?,
            Op::Reopen | Op::Compact => {
                self.open_again(options(*op == Op::Compact))?;
            }
            Op::CompactBeside => {
                let mut bloated = options(true);
                bloated.engine.compact_above = Some(0);
                self.open_again(bloated)?;
                self.compacting = Some(self.data_folder()?);
                self.sweep()?;
            }
            Op::Compacted => self.compacted()?,
            Op::Move | Op::MoveCell => {
                self.vault.close()?;
                let next = self.home.then(op);
                self.vault = if *op == Op::Move {
                    self.home.move_vault()?;
                    Vault::open(&next.folder(), options(false))?
                } else {
                    self.home.move_cell()?
                };
                self.home = next;
            }
            Op::Die => {}
        }
        Ok(())
    }

    fn open_again(&mut self, options: VaultOptions) -> Result<(), VaultError> {
        self.vault.close()?;
        self.compacting = None;
        self.vault = Vault::open(&self.home.folder(), options)?;
        Ok(())
    }

    /// The compaction that was begun in this process has put another folder in the place of the rows'.
    fn compacted(&mut self) -> Result<(), VaultError> {
        let Some(before) = self.compacting.take() else { return Ok(()) };
        while self.vault.status()?.compaction.is_some() {
            thread::sleep(Duration::from_millis(1));
        }
        let after = self.data_folder()?;
        let detail = format!("the rows are in {after}, and were in {before} before a compaction");
        if after > before { Ok(()) } else { Err(VaultError::Other { detail }) }
    }

    /// The folder of sled's that holds the rows, or the newest where there are two.
    fn data_folder(&self) -> Result<String, VaultError> {
        let listed = fs::read_dir(self.home.folder().join("rows"));
        let failed = |error| VaultError::Other { detail: format!("listing the rows: {error}") };
        let names = listed.map_err(failed)?.filter_map(Result::ok);
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| name.starts_with("data-")).max().unwrap_or_default())
    }

    pub(crate) fn sweep(&self) -> Result<(), VaultError> {
        while self.vault.sweep(1000)?.left > 0 {}
        self.vault.sweep(10_000).map(drop)
    }

    pub(crate) fn mend(&self) -> Result<(), VaultError> {
        self.vault.fsck(true, &mut |_, _| ()).map(drop)
    }

    /// Faults are an error; with `swept`, so is anything left over.
    pub(crate) fn must_be_clean(&self, swept: bool) -> Result<(), VaultError> {
        let report = self.vault.fsck(swept, &mut |_, _| ())?;
        if swept {
            let again = self.vault.fsck(false, &mut |_, _| ())?;
            if again.orphans > 0 {
                return Err(VaultError::Other { detail: format!("left over: {again:?}") });
            }
        }
        if report.faults.is_empty() {
            return Ok(());
        }
        Err(VaultError::Other { detail: format!("fsck: {:?}", report.faults) })
    }

    /// Everything, read back whole.
    pub(crate) fn observe(&self, people: impl Iterator<Item = User> + Clone) -> Result<State, VaultError> {
        let mut state = State::default();
        for who in people.clone() {
            let life = match self.subject(who) {
                Ok(subject) => Life::Here(self.person(who, &subject, people.clone())?),
                Err(VaultError::SubjectErased { .. }) => Life::Erased,
                Err(VaultError::SubjectUnknown) => continue,
                Err(other) => return Err(other),
            };
            state.0.insert(who, life);
        }
        Ok(state)
    }

    fn person(
        &self,
        who: User,
        subject: &Subject,
        people: impl Iterator<Item = User>,
    ) -> Result<Person, VaultError> {
        let mut person = Person::default();
        let saves = subject.saves();
        for slot in saves.list(Some(GAME), &all())?.items {
            let slot = slot.latest.slot;
            let mut prints = Vec::new();
            for info in saves.versions(GAME, &slot, &all())?.items.iter().rev() {
                let mut reader = saves.get(GAME, &slot, Some(info.version))?;
                let mut bytes = Vec::new();
                while let Some(piece) = reader.next_chunk()? {
                    bytes.extend(piece);
                }
                prints.push(fingerprint(&bytes));
            }
            let number = slot.trim_start_matches("slot-").parse().unwrap_or(u8::MAX);
            person.saves.insert(number, prints);
        }
        for peer in people.filter(|peer| *peer != who) {
            let said = self.messages(subject, who, peer)?;
            if !said.is_empty() {
                person.said.insert(peer, said);
            }
        }
        let accounts = subject.credentials().list_steam()?;
        person.account = accounts.first().map(|account| {
            let bits = FIELDS.iter().enumerate();
            bits.filter(|(_, field)| account.fields.iter().any(|name| name == *field))
                .fold(0, |all, (n, _)| all | (1 << n))
        });
        for event in subject.consents().history()?.iter().rev() {
            let purpose = PURPOSES.iter().position(|purpose| *purpose == event.purpose);
            person.consents.push((purpose.unwrap_or(usize::MAX), event.state == "given"));
        }
        let number = |name: &String| name.trim_start_matches("person-").parse().unwrap_or(u8::MAX);
        person.blocked = subject.chats().blocked()?.iter().map(number).collect();
        Ok(person)
    }

    /// What somebody said to a peer, by their own view; the peer must see the same.
    fn messages(&self, subject: &Subject, who: User, peer: User) -> Result<Vec<u64>, VaultError> {
        let read = |subject: &Subject, peer: User| match subject.chats().messages(&user(peer), &window()) {
            Err(VaultError::PeerUnknown) => Ok(Vec::new()),
            other => other.map(|listed| listed.items),
        };
        let author = user(who);
        let prints = |items: Vec<oubliette_store::Message>| -> Vec<u64> {
            let own =
                items.into_iter().rev().filter(|message| message.author.as_deref() == Some(author.as_str()));
            own.map(|message| match message.body {
                Body::Text(text) => fingerprint(text.as_bytes()),
                Body::Bytes { bytes, .. } => fingerprint(&bytes),
            })
            .collect()
        };
        let said = prints(read(subject, peer)?);
        if let Ok(other) = self.subject(peer) {
            let heard = prints(read(&other, who)?);
            if heard != said {
                let detail = format!("{who} said {} messages, {peer} sees {}", said.len(), heard.len());
                return Err(VaultError::Other { detail });
            }
        }
        Ok(said)
    }

    /// Ids of one's own messages, oldest first.
    fn own(&self, who: User, to: User) -> Result<Vec<String>, VaultError> {
        let items = self.subject(who)?.chats().messages(&user(to), &window())?.items;
        let author = user(who);
        Ok(items
            .into_iter()
            .rev()
            .filter(|message| message.author.as_deref() == Some(author.as_str()))
            .map(|message| message.id)
            .collect())
    }

    fn subject(&self, who: User) -> Result<Subject, VaultError> {
        self.vault.subject(&user(who))
    }

    /// Life goes on: somebody new comes, leaves something and is erased, and all that within a vault that still closes well.
    pub(crate) fn live_on(&mut self, stranger: User) -> Result<(), VaultError> {
        static SEED: AtomicU64 = AtomicU64::new(1);
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        self.act(&Op::Come(stranger))?;
        for length in [100, 9_000] {
            self.act(&Op::Save { who: stranger, slot: 1, content: Content { seed, length } })?;
        }
        self.act(&Op::Erase(vec![stranger]))?;
        match self.subject(stranger) {
            Err(VaultError::SubjectErased { .. }) => Ok(()),
            other => Err(VaultError::Other { detail: format!("after an erasure: {:?}", other.err()) }),
        }
    }
}

fn message(body: Content) -> NewMessage {
    NewMessage { body: Body::Text(body.text()), sent_at: None, client_id: None, policy: None }
}

fn all() -> Page {
    Page { limit: Some(1000), cursor: None }
}

fn window() -> Window {
    Window { limit: Some(1000), ..Window::default() }
}
