//! One person's content, every text of it a canary.

use oubliette_adversary::Canary;
use oubliette_client::{Client, ConsentGiven, NewMessage, SaveOptions, SaveRead, SteamSecrets, Window};
use std::{collections::BTreeSet, io::Read};

pub(crate) struct Life {
    pub(crate) user: Canary,
    names: [Canary; 3],
    small: Canary,
    large: Canary,
    said: [Canary; 3],
    password: Canary,
    evidence: Canary,
    /// An `Idempotency-Key`; only its digest is stored.
    pub(crate) key: Canary,
    /// Whether more than the name was stored.
    lived: std::cell::Cell<bool>,
}

impl Life {
    pub(crate) fn fresh() -> Self {
        let fresh = || Canary::fresh().unwrap();
        Self {
            user: fresh(),
            names: std::array::from_fn(|_| fresh()),
            small: fresh(),
            large: fresh(),
            said: std::array::from_fn(|_| fresh()),
            password: fresh(),
            evidence: fresh(),
            key: fresh(),
            lived: false.into(),
        }
    }

    /// Everything that was stored.
    pub(crate) fn canaries(&self) -> BTreeSet<Canary> {
        let content = [&self.small, &self.large, &self.password, &self.evidence];
        let content = content.into_iter().chain(&self.names).chain(&self.said);
        let content = content.filter(|_| self.lived.get());
        content.chain([&self.user]).cloned().collect()
    }

    pub(crate) fn arrive(&self, client: &Client) {
        client.put_subject(self.user.as_str(), &Default::default(), false).unwrap();
    }

    pub(crate) fn live(&self, client: &Client, friend: &Canary) {
        self.lived.set(true);
        let user = self.user.as_str();
        let [game, slot, account] = self.names.each_ref().map(Canary::as_str);
        for content in [self.small.as_str().as_bytes().to_vec(), self.large_bytes()] {
            client.put_save(user, game, slot, &mut content.as_slice(), &SaveOptions::default()).unwrap();
        }
        for body in &self.said {
            let message = NewMessage { body: body.as_str().to_owned(), ..NewMessage::default() };
            client.send_message(user, friend.as_str(), &message).unwrap();
        }
        // Forgotten again at once, and the answer that is kept of it dies with the person.
        let keyed = client.with_idempotency_key(self.key.as_str());
        let own = keyed.put_save(user, game, "keyed", &mut &b"x"[..], &SaveOptions::default()).unwrap();
        let again = keyed.put_save(user, game, "keyed", &mut &b"x"[..], &SaveOptions::default()).unwrap();
        assert_eq!(own.etag, again.etag);
        client.forget_save(user, game, "keyed", None).unwrap();
        let evidence = Some(self.evidence.as_str().to_owned());
        let given = ConsentGiven { evidence, ..ConsentGiven::default() };
        client.give_consent(user, "steam_credentials", &given).unwrap();
        let mut secrets = SteamSecrets::default();
        secrets.password = Some(self.password.as_str().to_owned());
        client.put_steam(user, account, &secrets).unwrap();
    }

    pub(crate) fn is_whole(&self, client: &Client, friend: &Canary) {
        let user = self.user.as_str();
        let [game, slot, account] = self.names.each_ref().map(Canary::as_str);
        let mut bytes = Vec::new();
        let save = client.save(user, game, slot, &SaveRead::default()).unwrap();
        save.unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == self.large_bytes());
        let said = client.messages(friend.as_str(), user, &Window::default()).unwrap().items;
        let said = said.into_iter().rev().map(|message| message.body.unwrap());
        assert!(said.eq(self.said.iter().map(|body| body.as_str().to_owned())));
        assert_eq!(client.steam(user, account).unwrap().fields, ["password"]);
    }

    /// The canary now and then among bytes that do not shrink, over several chunks and frames.
    fn large_bytes(&self) -> Vec<u8> {
        let mut state = 0x0b11_e77e_u64;
        let mut bytes = Vec::new();
        while bytes.len() < 300_000 {
            bytes.extend(self.large.as_str().as_bytes());
            bytes.extend((0..10_000).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            }));
        }
        bytes
    }
}
