use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, Tokens) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path());
    (folder, tokens)
}

#[test]
fn a_token_grants_its_scopes_and_no_others() {
    let (_folder, tokens) = folder();
    let (secret, _) = tokens.create("eu-1", &[Scope::SavesWrite, Scope::SavesWrite], None).unwrap();
    let grant = tokens.check(secret.reveal()).unwrap().unwrap();
    assert_eq!(grant.name, "eu-1");
    for scope in Scope::ALL {
        assert_eq!(grant.allows(*scope), *scope == Scope::SavesWrite, "{scope}");
    }
    assert!(tokens.check("obl_nothing").unwrap().is_none());
    assert!(tokens.check("").unwrap().is_none());
}

#[test]
fn the_file_holds_no_token_and_is_private() {
    let (folder, tokens) = folder();
    let (secret, _) = tokens.create("a", &[Scope::Ops], None).unwrap();
    let path = folder.path().join("tokens.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(secret.reveal()) && !text.contains(&secret.reveal()[PREFIX.len()..]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{secret:?}").contains(secret.reveal()));
}

#[test]
fn a_revocation_by_another_process_is_seen_at_once() {
    let (folder, tokens) = folder();
    let (secret, _) = tokens.create("a", &[Scope::Ops], None).unwrap();
    assert!(tokens.check(secret.reveal()).unwrap().is_some());
    Tokens::open(folder.path()).revoke("a").unwrap();
    assert!(tokens.check(secret.reveal()).unwrap().is_none());
    assert!(matches!(tokens.revoke("a"), Err(TokenError::Unknown)));
}

#[test]
fn an_expired_token_is_refused() {
    let (_folder, tokens) = folder();
    let (old, _) = tokens.create("old", &[Scope::Ops], Some(times::now() - 1)).unwrap();
    let (new, _) = tokens.create("new", &[Scope::Ops], Some(times::now() + 60_000_000)).unwrap();
    assert!(tokens.check(old.reveal()).unwrap().is_none());
    assert!(tokens.check(new.reveal()).unwrap().is_some());
}

#[test]
fn a_damaged_file_lets_nobody_in() {
    let (folder, tokens) = folder();
    let (secret, _) = tokens.create("a", &[Scope::Ops], None).unwrap();
    assert!(tokens.check(secret.reveal()).unwrap().is_some());
    for damage in ["", "{", r#"{"version":2,"tokens":[]}"#, r#"{"version":1,"tokens":[{"sha256":"00"}]}"#] {
        std::fs::write(folder.path().join("tokens.json"), damage).unwrap();
        assert!(matches!(tokens.check(secret.reveal()), Err(TokenError::Damaged { .. })), "{damage}");
        assert!(matches!(tokens.check(secret.reveal()), Err(TokenError::Damaged { .. })), "again: {damage}");
    }
}

#[test]
fn names_are_unique_and_printable() {
    let (_folder, tokens) = folder();
    tokens.create("a", &[Scope::Ops], None).unwrap();
    assert!(matches!(tokens.create("a", &[Scope::Ops], None), Err(TokenError::NameTaken)));
    assert!(matches!(tokens.create("", &[Scope::Ops], None), Err(TokenError::Invalid(_))));
    assert!(matches!(tokens.create("a\nb", &[Scope::Ops], None), Err(TokenError::Invalid(_))));
    assert!(matches!(tokens.create("b", &[], None), Err(TokenError::Invalid(_))));
    assert_eq!(tokens.list().unwrap().len(), 1);
}

#[test]
fn the_development_token_is_made_once() {
    let (folder, tokens) = folder();
    let path = tokens.ensure_dev_token().unwrap().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let grant = tokens.check(text.trim()).unwrap().unwrap();
    assert!(Scope::ALL.iter().all(|scope| grant.allows(*scope)));
    tokens.ensure_dev_token().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    // An operator who removed it does not get it back by a restart.
    tokens.revoke("dev").unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(tokens.ensure_dev_token().unwrap(), None);
    assert!(!folder.path().join("dev.token").exists());
}

#[test]
fn concurrent_creations_all_stand() {
    let (folder, _) = folder();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let folder = folder.path();
            scope.spawn(move || Tokens::open(folder).create(&format!("t{n}"), &[Scope::Ops], None).unwrap());
        }
    });
    assert_eq!(Tokens::open(folder.path()).list().unwrap().len(), 8);
}

/// A flipped digit made a token good for another scope, or for longer, without a word.
#[test]
fn a_damaged_list_is_refused_and_one_written_by_hand_is_not() {
    let (folder, tokens) = folder();
    let (secret, _) = tokens.create("a", &[Scope::Ops], Some(4_000_000_000_000_000)).unwrap();
    let path = folder.path().join("tokens.json");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bits in [1, 2, 4, 8, 16, 32] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            std::fs::write(&path, &damaged).unwrap();
            match Tokens::open(folder.path()).check(secret.reveal()) {
                Err(TokenError::Damaged { .. }) => {}
                found => assert!(found.unwrap().unwrap().allows(Scope::Ops), "byte {at}, bits {bits}"),
            }
        }
    }
    let mut list: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    list.as_object_mut().unwrap().remove("check").unwrap();
    std::fs::write(&path, list.to_string()).unwrap();
    assert!(Tokens::open(folder.path()).check(secret.reveal()).unwrap().is_some());
}
