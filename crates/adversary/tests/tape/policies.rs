//! The table of docs/chats.md, cell by cell: what each party sees of a message after each kind of deletion, and whether somebody who seizes
//! everything has its keys.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::{Canary, MemoryGround, World, close};
use oubliette_store::{
    Body, ChatPolicy, Deletion, NewMessage, Policy, Retention, Subject, VaultError, VaultOptions, Window,
};

use crate::filler::{Size, around};

const PAGE: &str = include_str!("../../../../docs/chats.md");
const DAYS: u32 = 3;
const HOUR: u64 = 3600;

/// What a row of the table says.
#[derive(Debug, PartialEq)]
struct Cells {
    /// `None`: there is nobody who could look.
    author: Option<bool>,
    peer: Option<bool>,
    keys: bool,
}

/// By deletion and policy.
fn table() -> BTreeMap<(String, ChatPolicy), Cells> {
    let mut table = BTreeMap::new();
    for line in PAGE.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [policy, deletion, author, peer, keys, ..] = cells[..] else { continue };
        let Ok(policy) = policy.trim_matches('*').parse::<ChatPolicy>() else { continue };
        let sees = |cell: &str| match cell {
            "yes" => Some(true),
            "no" => Some(false),
            "-" => None,
            other => panic!("a cell says {other}"),
        };
        let cells = Cells { author: sees(author), peer: sees(peer), keys: keys == "there" };
        assert!(cells.keys || keys == "gone", "{line}");
        assert!(table.insert((deletion.to_owned(), policy), cells).is_none(), "{line}");
    }
    table
}

/// Two people, and a short and a long message of each policy from the first to the second, among others.
struct Scene {
    world: World,
    author: Canary,
    peer: Canary,
    messages: Vec<(ChatPolicy, String, Canary)>,
}

impl Scene {
    fn new(folder: &tempfile::TempDir) -> Self {
        let chat = Retention { maximum_days: Some(DAYS), ..Retention::default() };
        let options =
            VaultOptions { policy: Policy { chat, ..Policy::default() }, ..VaultOptions::default() };
        let world = World::create(MemoryGround::new(folder.path(), 1).unwrap(), options).unwrap();
        let (author, peer) = (Canary::fresh().unwrap(), Canary::fresh().unwrap());
        for user in [&author, &peer] {
            world.vault().unwrap().put_subject(user.as_str(), &Default::default(), false).unwrap();
        }
        let mut scene = Self { world, author, peer, messages: Vec::new() };
        for policy in ChatPolicy::ALL {
            for long in [false, true] {
                let canary = Canary::fresh().unwrap();
                let bytes = around(&canary, if long { Size::Dense } else { Size::Small });
                let body = Body::Bytes { content_type: "application/octet-stream".into(), bytes };
                let message = NewMessage { body, ..under(policy) };
                let posted = scene.author().unwrap().chats().append(scene.peer.as_str(), &[message]);
                scene.messages.push((policy, posted.unwrap().remove(0).id, canary));
            }
        }
        scene.peer().unwrap().chats().append(scene.author.as_str(), &[under(ChatPolicy::Author)]).unwrap();
        scene
    }

    fn author(&self) -> Result<Subject, VaultError> {
        self.world.vault().unwrap().subject(self.author.as_str())
    }

    fn peer(&self) -> Result<Subject, VaultError> {
        self.world.vault().unwrap().subject(self.peer.as_str())
    }

    fn erase(&self, user: &Canary) {
        self.world.vault().unwrap().erase(&[user.as_str()]).unwrap();
    }

    fn by_author(&self, act: impl Fn(&Subject, &str, &str) -> Result<Deletion, VaultError>) {
        let author = self.author().unwrap();
        for (_, id, _) in &self.messages {
            act(&author, self.peer.as_str(), id).unwrap();
        }
    }

    fn by_peer(&self, act: impl Fn(&Subject, &str, &str) -> Result<Deletion, VaultError>) {
        let peer = self.peer().unwrap();
        for (policy, id, _) in &self.messages {
            match act(&peer, self.author.as_str(), id) {
                Err(VaultError::NotAuthor) => assert_eq!(*policy, ChatPolicy::Author),
                done => assert_eq!(done.unwrap(), Deletion::Erased),
            }
        }
    }

    /// The deletions by their names in the table; all that there are.
    fn delete(&self, how: &str) {
        let one = |who: &Subject, other: &str, id: &str| who.chats().forget_message(other, id);
        let last = &self.messages.last().unwrap().1;
        match how {
            "nobody deletes anything" => {}
            "the author deletes it" => self.by_author(one),
            "the peer deletes it" => self.by_peer(one),
            "both delete it" => {
                self.by_peer(one);
                self.by_author(|who, other, id| match one(who, other, id) {
                    // Gone with the peer's half, and swept perhaps.
                    Err(VaultError::NotFound { .. }) => Ok(Deletion::Erased),
                    done => done,
                });
            }
            "the author deletes through it" => {
                self.author().unwrap().chats().forget_through(self.peer.as_str(), last).unwrap();
            }
            "the peer deletes through it" => {
                self.peer().unwrap().chats().forget_through(self.author.as_str(), last).unwrap();
            }
            "the author deletes their side" => {
                self.author().unwrap().chats().forget_side(self.peer.as_str()).unwrap();
            }
            "the peer deletes their side" => {
                self.peer().unwrap().chats().forget_side(self.author.as_str()).unwrap();
            }
            "the author is erased" => self.erase(&self.author),
            "the peer is erased" => self.erase(&self.peer),
            "it grows too old" => {
                for _ in 0..24 * (DAYS + 2) {
                    self.world.advance(HOUR);
                    self.world.vault().unwrap().sweep(1000).unwrap();
                }
            }
            other => panic!("the table has a deletion that is not tested: {other}"),
        }
    }

    /// What somebody sees; `None` if they are not there.
    fn view(who: Result<Subject, VaultError>) -> Option<BTreeSet<Canary>> {
        let who = who.ok()?;
        let mut seen = BTreeSet::new();
        for chat in who.chats().list(&Default::default()).unwrap().items {
            let window = Window { limit: Some(1000), ..Window::default() };
            let messages = who.chats().messages(&chat.id, &window).unwrap().items;
            assert_eq!(messages.len() as u64, chat.messages);
            for message in messages {
                if let Body::Bytes { bytes, .. } = message.body {
                    seen.extend(Canary::all_in(&bytes));
                }
            }
        }
        Some(seen)
    }

    fn check(&self, how: &str, table: &BTreeMap<(String, ChatPolicy), Cells>) {
        let (author, peer) = (Self::view(self.author()), Self::view(self.peer()));
        let report = close(&self.world.seize().unwrap());
        assert!(report.in_clear.is_empty());
        for (policy, _, canary) in &self.messages {
            let expected = &table[&(how.to_owned(), *policy)];
            let sees = |view: &Option<BTreeSet<Canary>>| view.as_ref().map(|view| view.contains(canary));
            let (author, peer) = (sees(&author), sees(&peer));
            let found = Cells { author, peer, keys: report.reached.contains(canary) };
            assert_eq!(&found, expected, "{policy}: {how}");
        }
    }
}

#[test]
fn every_cell_of_the_table() {
    let table = table();
    let deletions: BTreeSet<&String> = table.keys().map(|(deletion, _)| deletion).collect();
    assert_eq!((deletions.len(), table.len()), (11, 33), "a cell for each policy");
    for how in deletions {
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Scene::new(&folder);
        scene.delete(how);
        scene.check(how, &table);
        // Sweeping and starting again change nothing of it.
        while scene.world.vault().unwrap().sweep(1000).unwrap().rows > 0 {}
        scene.world.restart().unwrap();
        while scene.world.vault().unwrap().sweep(1000).unwrap().rows > 0 {}
        scene.check(how, &table);
        let fsck = scene.world.vault().unwrap().fsck(false, &mut |_, _| ()).unwrap();
        assert!(fsck.faults.is_empty() && fsck.orphans == 0, "{how}: {fsck:?}");
    }
}

fn under(policy: ChatPolicy) -> NewMessage {
    NewMessage { policy: Some(policy), ..NewMessage::text("x") }
}
