//! One person's life over HTTP, every word of it random.

use std::io::Read;

use data_encoding::{BASE64, HEXLOWER};
use oubliette_client::{
    Client, ConsentGiven, NewMessage, ReleaseAsked, ReleaseKey, SaveOptions, SaveRead, SteamSecrets, Window,
};
use oubliette_crypto::Handle;

use crate::forms;
use crate::needles::Needles;

/// How often a word stands in a save: it compresses, and leaves itself in the compressor's tables.
const OFTEN: usize = 40;

pub(crate) struct Person {
    user: String,
    game: String,
    slot: String,
    account: String,
    evidence: String,
    device: String,
    password: String,
    purpose: String,
    small: String,
    large: Vec<String>,
    said: [String; 4],
    /// Bytes of the secret that guard codes are minted from.
    guard: [u8; 20],
    noise: Vec<u8>,
}

impl Person {
    pub(crate) fn fresh(role: &str) -> Self {
        let word = |what: &str| format!("{role}.{what}.{}", Handle::random().unwrap());
        let guard = Handle::random().unwrap().0;
        Self {
            user: word("user"),
            game: word("game"),
            slot: word("slot"),
            account: word("account"),
            evidence: word("evidence"),
            device: word("device"),
            password: word("password"),
            purpose: word("purpose"),
            small: word("small"),
            large: (0..8).map(|_| word("large")).collect(),
            said: std::array::from_fn(|_| word("said")),
            guard: std::array::from_fn(|at| guard[at % guard.len()].wrapping_add((at / guard.len()) as u8)),
            noise: (0..20_000).flat_map(|_| Handle::random().unwrap().0).collect(),
        }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn arrive(&self, client: &Client) {
        client.put_subject(&self.user, &Default::default(), false).unwrap();
    }

    /// Saves that shrink and one that does not, small and over several frames; talk, credentials, a guard code, consent.
    pub(crate) fn live(&self, client: &Client, other: &Self) {
        for content in [self.small.clone().into_bytes(), self.large_text(), self.noise.clone()] {
            let options = SaveOptions::default();
            client.put_save(&self.user, &self.game, &self.slot, &mut content.as_slice(), &options).unwrap();
        }
        for body in &self.said {
            let message = NewMessage { body: body.clone(), ..NewMessage::default() };
            client.send_message(&self.user, &other.user, &message).unwrap();
        }
        let given = ConsentGiven { evidence: Some(self.evidence.clone()), ..ConsentGiven::default() };
        client.give_consent(&self.user, "steam_credentials", &given).unwrap();
        let mut secrets = SteamSecrets::default();
        secrets.password = Some(self.password.clone());
        secrets.device_id = Some(self.device.clone());
        secrets.shared_secret = Some(BASE64.encode(&self.guard));
        client.put_steam(&self.user, &self.account, &secrets).unwrap();
    }

    /// Everything that can be read back is, the noise being the newest save.
    pub(crate) fn read(&self, client: &Client, other: &Self) {
        for (version, content) in
            [(1, self.small.clone().into_bytes()), (2, self.large_text()), (3, self.noise.clone())]
        {
            let read = SaveRead { version: Some(version), ..SaveRead::default() };
            let mut bytes = Vec::new();
            let save = client.save(&self.user, &self.game, &self.slot, &read).unwrap();
            save.unwrap().read_to_end(&mut bytes).unwrap();
            assert!(bytes == content, "version {version} came back changed");
        }
        let seen = client.messages(&other.user, &self.user, &Window::default()).unwrap().items;
        assert!(self.said.iter().all(|body| seen.iter().any(|message| message.body.as_ref() == Some(body))));
        assert_eq!(client.guard_code(&self.user, &self.account).unwrap().code.len(), 5);
        assert_eq!(client.steam_accounts(&self.user).unwrap().len(), 1);
        assert_eq!(client.consents(&self.user).unwrap().len(), 1);
    }

    /// The password goes to a host, sealed.
    pub(crate) fn release(&self, host: &Client, key: &ReleaseKey) {
        let asked = ReleaseAsked {
            fields: vec!["password".to_owned()],
            purpose: self.purpose.clone(),
            recipient: None,
        };
        let released = host.release(&self.user, &self.account, &asked, key).unwrap();
        assert_eq!(released.secrets.password.as_ref(), Some(&self.password));
    }

    /// Everything of the person in every form it might stand in.
    pub(crate) fn words(&self) -> Needles {
        let texts = [
            &self.user,
            &self.game,
            &self.slot,
            &self.account,
            &self.evidence,
            &self.device,
            &self.password,
            &self.purpose,
            &self.small,
        ];
        // The random part alone, too: what stands before it may be cut off.
        let tail = |text: &String| text.rsplit_once('.').unwrap().1.to_owned();
        let texts = texts
            .into_iter()
            .chain(&self.large)
            .chain(&self.said)
            .flat_map(|text| [text.clone(), tail(text)]);
        // As it stands, in text, and as HMAC lays it over its two pads.
        let guard = [
            self.guard.to_vec(),
            BASE64.encode(&self.guard).into_bytes(),
            HEXLOWER.encode(&self.guard).into_bytes(),
            self.guard.map(|byte| byte ^ 0x36).to_vec(),
            self.guard.map(|byte| byte ^ 0x5c).to_vec(),
        ];
        // One in a hundred pieces of the noise.
        let noise = self.noise.chunks_exact(32).step_by(100).map(<[u8]>::to_vec);
        Needles::new(texts.flat_map(|text| forms::of(&text)).chain(guard).chain(noise))
    }

    /// What must be found of a living person: the name that the key plane keeps with them.
    pub(crate) fn marks(&self) -> Needles {
        Needles::new([self.user.clone().into_bytes()])
    }

    /// About 330 KiB over three frames, each word standing in all of them.
    fn large_text(&self) -> Vec<u8> {
        let mut text = String::new();
        for line in 0..OFTEN * 128 {
            text.push_str(&self.large[line % self.large.len()]);
            text.push_str(&format!(" turn {line}\n"));
        }
        text.into_bytes()
    }
}
