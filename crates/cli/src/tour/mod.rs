//! `oubliette tour`: the whole story on the sample data in the repository, in a temporary folder.
//!
//! Every step checks what it says; the first thing that is not so ends the tour with an error.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use oubliette_closure::{ProveError, Verdict, prove};
use oubliette_store::{
    Body, Clock, ConsentGiven, NewBackup, NewDeletion, NewMessage, PutOptions, ReceiptId, ReceiptState,
    RestoredState, S3Options, Subject, SubjectFacts, SystemClock, Vault, VaultError, VaultLock, VaultOptions,
    Window, open_backup_store, public_key, restore_backup, verify_receipt,
};

use crate::commands::prove::question;

mod samples;

/// Why the tour ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TourError {
    /// The vault failed.
    #[error("the vault failed during the tour: {0}")]
    Vault(#[from] VaultError),
    /// The temporary folder failed.
    #[error("the tour's temporary folder failed: {0}; is there room in it?")]
    Io(#[from] std::io::Error),
    /// A sample of the repository does not parse.
    #[error("a sample is unusable: {0}")]
    Sample(#[from] serde_json::Error),
    /// The old copies could not be read.
    #[error("the tour's old copies could not be searched: {0}")]
    Prove(#[from] ProveError),
    /// The story was not true.
    #[error("the tour found what it must not find: {0}")]
    Untrue(String),
}

const GAME: &str = "freeciv";
const SLOT: &str = "islands";
/// Who leaves, and who stays.
const LEAVES: &str = "mira";
const STAYS: &str = "yun";

/// The machine's clock, turned forward by so many microseconds.
#[derive(Default)]
struct Turned(AtomicU64);

const DAY: u64 = 24 * 3600 * 1_000_000;

impl Clock for Turned {
    fn now_micros(&self) -> u64 {
        SystemClock.now_micros().saturating_add(self.0.load(Ordering::SeqCst))
    }
}

/// Tells the story through `say`, in a folder below `scratch`.
pub(crate) fn run(
    scratch: &Path,
    options: &VaultOptions,
    say: &mut dyn FnMut(&str),
) -> Result<(), TourError> {
    let clock = Arc::new(Turned::default());
    let options = &VaultOptions { clock: Some(clock.clone()), ..options.clone() };
    let folder = scratch.join("vault");
    let vault = Vault::create(&folder, options.clone())?;
    say("1. Two players store what they have: real saves of a game, a chat, a Steam account.");
    let chat = samples::chat()?.messages;
    let account = samples::account()?;
    for user in [LEAVES, STAYS] {
        vault.put_subject(user, &SubjectFacts::default(), false)?;
        store_saves(&vault.subject(user)?)?;
        store_account(&vault.subject(user)?, &account)?;
    }
    for line in &chat {
        let (from, to) = if line.from == LEAVES { (LEAVES, STAYS) } else { (STAYS, LEAVES) };
        let message =
            NewMessage { body: Body::Text(line.body.clone()), sent_at: None, client_id: None, policy: None };
        vault.subject(from)?.chats().append(to, &[message])?;
    }
    let code = vault.subject(LEAVES)?.credentials().guard_code(&account.account)?;
    say(&format!(
        "   {} versions of a freeciv game each, {} messages, a Guard code minted inside: {}",
        samples::SAVES.len(),
        chat.len(),
        code.code
    ));
    check_whole(&vault, LEAVES, &account)?;
    check_whole(&vault, STAYS, &account)?;

    let place = scratch.join("backups").display().to_string();
    let store = open_backup_store(&place, &S3Options::default())?;
    let backup = vault.backups().create(&*store, &NewBackup::default(), &mut |_| ())?;
    say(&format!(
        "2. A backup: {} people, {} rows, {} bytes. And somebody copies the whole folder, all but root.cell: both mirrors of the key pages, too.",
        backup.people, backup.rows, backup.bytes
    ));
    vault.close()?;
    drop(vault);
    let stolen = scratch.join("stolen");
    copy_folder(&folder, &stolen)?;

    say(&format!("3. {LEAVES} asks to leave."));
    let vault = Vault::open(&folder, options.clone())?;
    let wish = NewDeletion { reason: "account_closed".to_owned(), ..NewDeletion::default() };
    let asked = vault.request_deletion(LEAVES, &wish)?;
    let salt = asked.salt.ok_or_else(|| TourError::Untrue("a request told no salt".to_owned()))?;
    say(&format!(
        "   For {} days it can be taken back, and everything is there. Then the clock is turned a week forward, and the job runs:",
        asked.deletion.seconds_left.div_ceil(86_400)
    ));
    check_whole(&vault, LEAVES, &account)?;
    clock.0.fetch_add(7 * DAY + DAY / 24, Ordering::SeqCst);
    let run = vault.run_deletions(&mut |_| ())?;
    if run.erased != 1 {
        return Err(TourError::Untrue(format!("the job erased {} people", run.erased)));
    }
    let receipts = vault.receipts_of_user(LEAVES)?;
    let states: Vec<&str> = receipts.iter().map(|(state, _)| state.as_str()).collect();
    let erased = receipts.iter().find(|(state, _)| *state == ReceiptState::Erased);
    let Some((_, id)) = erased else {
        return Err(TourError::Untrue("an erasure has no receipt".to_owned()));
    };
    let id = ReceiptId::parse(id).ok_or_else(|| TourError::Untrue("a receipt has no name".to_owned()))?;
    let receipt = vault.receipt(&id)?;
    say(&format!("   One root change. Receipts: {}. The first one:", states.join(", ")));
    receipt.lines().for_each(|line| say(&format!("   | {line}")));
    let key = public_key(&folder.join("ledger"))?;
    verify_receipt(&receipt, &key, None, &[], Some((LEAVES, &salt)))
        .map_err(|faults| TourError::Untrue(faults.join("; ")))?;
    say(&format!(
        "   It names nobody, is about {LEAVES} for whoever has the salt, and stands in the public log: verified without the vault, by the key"
    ));
    say(&format!("   {key}"));
    check_gone(&vault)?;
    check_whole(&vault, STAYS, &account)?;
    check_conversation(&vault, &chat)?;
    while vault.sweep(256)?.left > 0 {}
    vault.close()?;
    drop(vault);

    say("4. The thief now also seizes every current secret: today's root.cell goes into the old copy.");
    let attack = scratch.join("attack");
    copy_folder(&stolen, &attack)?;
    fs::copy(folder.join("root.cell"), attack.join("root.cell"))?;
    match Vault::open(&attack, options.clone()) {
        Ok(_) => return Err(TourError::Untrue("the old copy opened with today's secret".into())),
        Err(error) => say(&format!("   It does not open: {error}")),
    }

    say(
        "   So the adversary is given everything: the old copy, the backup, and every secret that the vault has today.",
    );
    let lock = VaultLock::of(&folder)?;
    let old = [stolen, scratch.join("backups")];
    let asked = question(&folder, options, &old).map_err(|error| TourError::Untrue(error.to_string()))?;
    let proof = prove(&asked, &mut |_, _| ())?;
    drop(lock);
    let gone: u64 = proof.erased.iter().map(|person| person.values).sum();
    if proof.verdict != Verdict::Proved || proof.erased.len() != 1 || gone == 0 {
        return Err(TourError::Untrue(format!(
            "on the old copies: {:?}, {} of {} living values open",
            proof.verdict, proof.control_opened, proof.control_values
        )));
    }
    say(&format!(
        "   {} of {} values of {STAYS}'s open (that is the control), of {LEAVES}'s {gone} none: `oubliette prove` does this on copies of yours.",
        proof.control_opened, proof.control_values
    ));

    say(
        "5. The disk of the rows is lost. The operator restores the backup; the keys are those of today, and move with the vault.",
    );
    for part in ["rows", "blobs", "anchor"] {
        remove(&folder.join(part))?;
    }
    let restored = scratch.join("restored");
    let back = restore_backup(&*store, None, &restored, &folder, options, &mut |_| ())?;
    let (whole, noise) = (back.count(RestoredState::Whole), back.count(RestoredState::Noise));
    if (whole, noise) != (1, 1) {
        return Err(TourError::Untrue(format!("of two people {whole} came back and {noise} did not")));
    }
    let vault = Vault::open(&restored, options.clone())?;
    check_gone(&vault)?;
    check_whole(&vault, STAYS, &account)?;
    check_conversation(&vault, &chat)?;
    let report = vault.fsck(false, &mut |_, _| {})?;
    if !report.faults.is_empty() {
        return Err(TourError::Untrue(format!("after the restore: {report:?}")));
    }
    let (backups, _) = vault.backups().list(&*store)?;
    let gone = back.people.iter().find(|person| person.state == RestoredState::Noise);
    say(&format!(
        "   {STAYS} is whole; {} rows of {LEAVES}'s in the backup open with no key. The catalogue says of it:",
        gone.map_or(0, |person| person.rows)
    ));
    backups.iter().for_each(|backup| say(&format!("   {}: {}", backup.info.id, backup.says())));
    vault.close()?;
    say(&format!("{LEAVES} is forgotten in every copy, {STAYS} has lost nothing. That is the tour."));
    Ok(())
}

fn store_saves(subject: &Subject) -> Result<(), TourError> {
    for (_, bytes) in samples::SAVES {
        let options = PutOptions { expected_len: Some(bytes.len() as u64), ..PutOptions::default() };
        subject.saves().put(GAME, SLOT, &options, &mut &bytes[..])?;
    }
    Ok(())
}

fn store_account(subject: &Subject, account: &samples::Account) -> Result<(), TourError> {
    let refused = subject.credentials().set_steam(&account.account, account.fields());
    if !matches!(refused, Err(VaultError::ConsentRequired { .. })) {
        return Err(TourError::Untrue("a credential was stored without consent".into()));
    }
    let consent = ConsentGiven { policy_version: Some("tour-1".into()), ..ConsentGiven::default() };
    subject.consents().give("steam_credentials", &consent)?;
    subject.credentials().set_steam(&account.account, account.fields())?;
    Ok(())
}

/// Every version of every save comes back bit for bit, and the account mints codes.
fn check_whole(vault: &Vault, user: &str, account: &samples::Account) -> Result<(), TourError> {
    let subject = vault.subject(user)?;
    for (version, (name, bytes)) in (1..).zip(samples::SAVES) {
        let mut reader = subject.saves().get(GAME, SLOT, Some(version))?;
        let mut back = Vec::with_capacity(bytes.len());
        while let Some(chunk) = reader.next_chunk()? {
            back.extend_from_slice(&chunk);
        }
        if back != *bytes {
            return Err(TourError::Untrue(format!("{name} came back changed")));
        }
    }
    subject.credentials().guard_code(&account.account)?;
    Ok(())
}

fn check_gone(vault: &Vault) -> Result<(), TourError> {
    match vault.subject(LEAVES) {
        Err(VaultError::SubjectErased { .. }) => Ok(()),
        _ => Err(TourError::Untrue(format!("{LEAVES} still answers"))),
    }
}

/// The one who stays still has their own half of the talk, and only that.
fn check_conversation(vault: &Vault, chat: &[samples::Line]) -> Result<(), TourError> {
    let window = Window { limit: Some(1000), ..Window::default() };
    let seen = vault.subject(STAYS)?.chats().messages(LEAVES, &window)?.items;
    let own: Vec<&str> = chat.iter().filter(|l| l.from == STAYS).map(|l| l.body.as_str()).collect();
    let texts: Vec<&str> = seen
        .iter()
        .rev()
        .filter_map(|m| match &m.body {
            Body::Text(text) => Some(text.as_str()),
            Body::Bytes { .. } => None,
        })
        .collect();
    if texts != own {
        return Err(TourError::Untrue(format!("{STAYS} sees {} messages, wrote {}", texts.len(), own.len())));
    }
    Ok(())
}

/// Copies a vault folder without the root cell (and without what belongs to a running process).
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != "root.cell" && !entry.file_name().to_string_lossy().ends_with(".sock") {
            copy_any(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn copy_any(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_any(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    } else {
        fs::copy(from, to).map(|_| ())
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
