//! One person who saves, talks and forgets until the service is gone.

use crate::model::{ACCOUNT, Answer, Change, Content, GAME, State};
use oubliette_client::{Client, ClientError, ConsentGiven, NewMessage, SaveOptions, SteamSecrets};

/// Keeps what is checked after each kill small.
const MOST_VERSIONS: usize = 4;
const MOST_MESSAGES: usize = 150;

/// Deterministic, so that a run can be repeated up to the moment of the kill.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

pub(crate) struct Worker {
    user: String,
    peer: String,
    dice: Dice,
    /// What was acknowledged.
    state: State,
    /// What was asked for and not answered.
    pending: Option<Change>,
    pub(crate) acknowledged: u64,
}

impl Worker {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            user: format!("player-{number}"),
            peer: format!("friend-{number}"),
            dice: Dice::new(100 + number),
            state: State::default(),
            pending: None,
            acknowledged: 0,
        }
    }

    /// After a start: what is there must be what was acknowledged, with what was under way whole or not at all.
    pub(crate) fn settle(&mut self, client: &Client, round: u64) {
        if round == 0 {
            for user in [&self.user, &self.peer] {
                client.put_subject(user, &Default::default(), false).unwrap();
            }
            client.give_consent(&self.user, "steam_credentials", &ConsentGiven::default()).unwrap();
        }
        let observed = State::observe(client, &self.user, &self.peer).unwrap();
        if let Some(pending) = self.pending.take() {
            let fits = observed == self.state || self.state.becomes(&pending, &observed);
            assert!(
                fits,
                "{} before round {round}: neither as acknowledged nor after {pending:?}:\n{}",
                self.user,
                self.show(&observed)
            );
        } else {
            assert!(observed == self.state, "{} before round {round}:\n{}", self.user, self.show(&observed));
        }
        self.state = observed;
    }

    fn show(&self, observed: &State) -> String {
        format!("acknowledged: {:?}\nfound: {observed:?}", self.state)
    }

    /// Until the service is gone.
    pub(crate) fn work(&mut self, client: &Client) {
        loop {
            let change = self.next_change();
            match self.make(client, &change) {
                Ok(state) => {
                    self.state = state;
                    self.acknowledged += 1;
                }
                Err(ClientError::Problem(problem)) => panic!("{change:?} was refused: {problem}"),
                Err(_) => return self.pending = Some(change),
            }
        }
    }

    fn next_change(&mut self) -> Change {
        let slot = format!("slot-{}", self.dice.below(3));
        if self.state.said.len() > MOST_MESSAGES {
            let said = self.state.said.last().unwrap();
            // The peer's words are forgotten by the peer.
            let author = if self.dice.below(2) == 0 { &self.user } else { &self.peer };
            return Change::ForgetThrough { id: said.id.clone(), author: author.clone() };
        }
        let versions = self.state.saves.get(&slot);
        let oldest = versions.and_then(|versions| versions.first_key_value()).map(|(version, _)| *version);
        let full = versions.is_some_and(|versions| versions.len() >= MOST_VERSIONS);
        let own: Vec<_> = self.state.said.iter().filter(|said| said.author == self.user).collect();
        match (self.dice.below(12), oldest) {
            (_, Some(version)) if full => Change::ForgetVersion { slot, version },
            (0, Some(_)) => Change::ForgetSlot { slot },
            (1, Some(version)) => Change::ForgetVersion { slot, version },
            (2, _) if !own.is_empty() => {
                let at = self.dice.below(own.len() as u64) as usize;
                Change::ForgetMessage { id: own[at].id.clone() }
            }
            (3, _) if self.state.account.is_some() => Change::ForgetAccount,
            (3 | 4, _) => {
                let all = ["password", "device_id", "revocation_code"];
                let fields = all.iter().skip(self.dice.below(3) as usize).map(|field| (*field).to_owned());
                Change::SetAccount { fields: fields.collect() }
            }
            (5..=8, _) => {
                let author = if self.dice.below(2) == 0 { &self.user } else { &self.peer }.clone();
                let count = if self.dice.below(4) == 0 { 40 } else { 1 };
                let bodies = (0..count).map(|_| format!("message {}", self.dice.below(u64::MAX))).collect();
                Change::Say { author, bodies }
            }
            _ => {
                let most = [500, 20_000, 300_000][self.dice.below(3) as usize];
                let length = self.dice.below(most);
                Change::Save { slot, content: Content { seed: self.dice.below(u64::MAX), length } }
            }
        }
    }

    /// Makes a change; the state it leads to.
    fn make(&self, client: &Client, change: &Change) -> Result<State, ClientError> {
        let (user, peer) = (&self.user, &self.peer);
        let other = |author: &String| if author == user { peer } else { user };
        let mut answer = Answer { version: 0, ids: Vec::new() };
        match change {
            Change::Save { slot, content } => {
                let bytes = content.bytes();
                let options = SaveOptions { length: Some(content.length), ..SaveOptions::default() };
                answer.version = client.put_save(user, GAME, slot, &mut bytes.as_slice(), &options)?.version;
            }
            Change::ForgetSlot { slot } => drop(client.forget_save(user, GAME, slot, None)?),
            Change::ForgetVersion { slot, version } => {
                client.forget_save(user, GAME, slot, Some(*version))?;
            }
            Change::Say { author, bodies } => {
                let message = |body: &String| NewMessage { body: body.clone(), ..NewMessage::default() };
                let messages: Vec<NewMessage> = bodies.iter().map(message).collect();
                let posted = client.send_messages(author, other(author), &messages)?;
                assert_eq!(posted.len(), bodies.len());
                answer.ids = posted.into_iter().map(|posted| posted.id).collect();
            }
            Change::ForgetMessage { id } => drop(client.forget_message(user, peer, id)?),
            Change::ForgetThrough { id, author } => {
                client.forget_messages_through(author, other(author), id)?;
            }
            Change::SetAccount { fields } => {
                let secret = |field: &str| fields.contains(field).then(|| format!("secret-{field}"));
                let mut secrets = SteamSecrets::default();
                secrets.password = secret("password");
                secrets.device_id = secret("device_id");
                secrets.revocation_code = secret("revocation_code");
                client.put_steam(user, ACCOUNT, &secrets)?;
            }
            Change::ForgetAccount => drop(client.forget_steam(user, ACCOUNT)?),
        }
        Ok(self.state.after(change, answer))
    }
}
