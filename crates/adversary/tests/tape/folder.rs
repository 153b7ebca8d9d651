//! A vault as the library makes it in a folder: what lies there, and in any other file that this process has open, while it works.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use oubliette_adversary::Canary;
use oubliette_store::{
    Body, ConsentGiven, NewMessage, PutOptions, SteamFields, SubjectFacts, Vault, VaultOptions,
};

use crate::filler::{Size, around};

#[test]
fn plaintext_is_in_no_file_not_even_for_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), VaultOptions::default()).unwrap();
    let canaries: [Canary; 9] = std::array::from_fn(|_| Canary::fresh().unwrap());
    let [ann, bob, region, game, slot, meta, content, message, password] =
        canaries.each_ref().map(Canary::as_str);
    let facts = SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() };
    for user in [ann, bob] {
        vault.put_subject(user, &facts, false).unwrap();
    }
    let subject = vault.subject(ann).unwrap();

    let options = PutOptions { meta: Some(format!("\"{meta}\"")), ..PutOptions::default() };
    let mut upload = Watched {
        content: around(&canaries[6], Size::Packed),
        at: 0,
        folder: folder.path(),
        found: BTreeSet::new(),
    };
    subject.saves().put(game, slot, &options, &mut upload).unwrap();
    let body = Body::Bytes { content_type: message.to_owned(), bytes: around(&canaries[7], Size::Dense) };
    subject
        .chats()
        .append(bob, &[NewMessage { body, sent_at: None, client_id: None, policy: None }])
        .unwrap();
    let given = ConsentGiven { evidence: Some(content.to_owned()), ..ConsentGiven::default() };
    subject.consents().give("steam_credentials", &given).unwrap();
    let fields = [("password".to_owned(), password.to_owned())];
    subject.credentials().set_steam(slot, SteamFields(fields.into())).unwrap();
    upload.look();
    vault.erase(&[ann]).unwrap();
    vault.sweep(1000).unwrap();
    vault.close().unwrap();
    upload.look();
    let ours: BTreeSet<Canary> = canaries.into_iter().collect();
    let found: Vec<&Canary> = upload.found.intersection(&ours).collect();
    assert!(found.is_empty(), "plaintext stands in a file: {found:?}");
}

/// An upload that comes in pieces and looks around between them.
struct Watched<'a> {
    content: Vec<u8>,
    at: usize,
    folder: &'a Path,
    found: BTreeSet<Canary>,
}

impl Watched<'_> {
    fn look(&mut self) {
        self.look_in(self.folder);
        // Files elsewhere, also nameless ones, while they are open.
        for file in std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| Some(file.ok()?.path())) {
            if std::fs::metadata(&file).is_ok_and(|facts| facts.is_file() && facts.len() < 64 << 20) {
                self.found.extend(Canary::all_in(&std::fs::read(&file).unwrap_or_default()));
            }
        }
    }

    fn look_in(&mut self, folder: &Path) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            self.found.extend(Canary::all_in(path.as_os_str().as_encoded_bytes()));
            if path.is_dir() {
                self.look_in(&path);
            } else {
                self.found.extend(Canary::all_in(&std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.look();
        let piece = self.content[self.at..].len().min(buffer.len()).min(20_000);
        buffer[..piece].copy_from_slice(&self.content[self.at..self.at + piece]);
        self.at += piece;
        Ok(piece)
    }
}
