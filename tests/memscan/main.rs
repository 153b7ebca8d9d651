//! What a service keeps in its memory, looked at from outside: through `/proc/<pid>/mem` and in a core that a debugger takes.
//!
//! The keys are learned independently, from a copy of the vault's folder. The search is run over a process that does hold everything
//! first, so that it is known to see.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much it looked at"
)]

#[path = "../support/server.rs"]
mod server;

#[path = "../residue/folder.rs"]
#[allow(dead_code, reason = "shared with the suite residue, each uses a part")]
mod folder;
#[path = "../residue/forms.rs"]
mod forms;
#[path = "../residue/seizure.rs"]
#[allow(dead_code, reason = "shared with the suite residue, each uses a part")]
mod seizure;

mod core;
mod hidden;
mod holder;
mod needles;
mod outside;
mod person;

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use needles::{Needles, keys_of};
use oubliette_client::{Client, ReleaseKey};
use oubliette_service::tokens::{Scope, Tokens};
use outside::Memory;
use person::Person;
use seizure::Secrets;
use server::Server;

/// One person's whole life, then their erasure; another stays. Keys are found at no time, the person's words not after it.
#[test]
fn no_key_is_seen_from_outside_and_nothing_of_an_erased_person() {
    if let Some(reason) = outside::unreadable() {
        println!("left out: memscan: {reason}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("vault");
    // Few arenas: a core holds the reserved part of each, 64 MiB of nothing.
    let mut command = server::plain(&server::binary());
    command.env("MALLOC_ARENA_MAX", "2");
    let server = Server::try_start_by(command, &data, &["--allow-swappable-keys"]).unwrap();
    let (leaver, friend) = (Person::fresh("leaver"), Person::fresh("friend"));
    {
        // All connections are closed at the end of this block.
        let client = server.client();
        [&leaver, &friend].iter().for_each(|person| person.arrive(&client));
        leaver.live(&client, &friend);
        friend.live(&client, &leaver);
        leaver.read(&client, &friend);
        friend.read(&client, &leaver);
        let (host, key) = host(&server, &data);
        [&leaver, &friend].iter().for_each(|person| person.release(&host, &key));
    }

    // What somebody with a copy of the folder works out.
    let secrets = folder::scratch(&data, |copy| Secrets::of(copy, Some(leaver.user())));
    let root = folder::scratch(&data, seizure_of_root);
    let keys = keys_of(secrets.keys.iter().chain(&secrets.cell).chain(&root).copied());
    let words = leaver.words();
    let marks = friend.marks();
    println!("{} keys, {} forms of words", secrets.keys.len() + secrets.cell.len() + root.len(), words.len());
    assert!(secrets.keys.len() > 100, "only {} keys were worked out", secrets.keys.len());

    // The search sees all of it in a process that keeps it in ordinary memory.
    holder::is_seen(&[&keys, &words, &marks], folder.path());

    let kept = key_memory(&data);
    let secret = kept == "secret";
    // Locked memory, too, is left out of cores.
    let not_in_cores = (kept != "plain").then_some(&keys);
    let memory = Memory::of(server.pid());
    let used = memory.scan(&[&keys, &words, &marks]);
    println!("after use, {}: {used:?}", memory.size());
    assert!(used.found(2) > 0, "the search sees nothing of a living person");
    assert!(
        used.found(1) > 0,
        "nothing of the person is in memory while they live: the rest would prove nothing"
    );
    no_key(used.found(0), secret, "after use");
    core::without(server.pid(), folder.path(), "use", not_in_cores, &[], &marks);

    assert!(server::erase(&data, leaver.user()));
    let memory = settled(&server, &words, &keys, secret);
    let left = memory.scan(&[&keys, &words, &marks]);
    println!("after erasure, {}: {left:?}", memory.size());
    assert!(left.found(2) > 0, "the search sees nothing of a living person");
    assert_eq!(left.found(1), 0, "something of the erased person is in memory: {left:?}");
    no_key(left.found(0), secret, "after erasure");
    core::without(server.pid(), folder.path(), "erasure", not_in_cores, &[&words], &marks);
    println!(
        "assured: the running service read from outside ({kept} memory): of {} keys seen {}, of {} forms of an erased person's words {}",
        keys.len(),
        left.found(0),
        words.len(),
        left.found(1)
    );
    let stopped = server.stop();
    assert!(stopped.code == Some(0) && !stopped.panicked(), "{stopped:?}");
}

/// A client with a token of its own, and the key to which secrets are released for it.
fn host(server: &Server, data: &Path) -> (Client, ReleaseKey) {
    let key = ReleaseKey::generate().unwrap();
    let registered = BASE64URL_NOPAD.encode(key.public().as_bytes()).parse().unwrap();
    let scopes = [Scope::CredentialsRelease];
    let (token, _) = Tokens::open(data).create_with_keys("host", &scopes, None, vec![registered]).unwrap();
    (server.client_with(token.reveal()), key)
}

/// The memory once the service has let go of connections and work in flight: it closes them on threads of its own, a moment after
/// we have. An idle service overwrites nothing later, so that what is left then is left for good.
fn settled(server: &Server, words: &Needles, keys: &Needles, secret: bool) -> Memory {
    for _ in 0..100 {
        let memory = Memory::of(server.pid());
        let found = memory.scan(&[words, keys]);
        if found.found(0) == 0 && (found.found(1) == 0 || !secret) {
            return memory;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Memory::of(server.pid())
}

fn no_key(found: usize, secret: bool, when: &str) {
    if secret {
        assert_eq!(found, 0, "{when}: keys are seen from outside");
    } else {
        println!(
            "left out: memscan: {when}, {found} key halves seen: no memfd_secret here, and locked memory is read by root"
        );
    }
}

/// How the service says that its keys are kept.
fn key_memory(data: &Path) -> String {
    let status = server::run(data, &["--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["key_memory"].as_str().unwrap().to_owned()
}

/// `M`, the key of the root page and that of the pointers' MAC, as the cell and the formats give them.
fn seizure_of_root(folder: &Path) -> BTreeSet<[u8; 32]> {
    use oubliette_crypto::kdf::{derive_root_key, derive_root_page_key};
    use oubliette_keyring::{FileCell, RootCell};

    let cell = FileCell::open(&folder.join("root.cell")).unwrap();
    let state = cell.read().unwrap();
    let share = &state.slots.first().unwrap().share;
    let root = derive_root_key(&[share], &cell.vault()).unwrap();
    let pointer = state.pointers.iter().max_by_key(|pointer| pointer.generation).unwrap();
    let page = derive_root_page_key(&root, &pointer.salt, pointer.generation);
    BTreeSet::from([*root.expose(), *page.expose()])
}
