//! The account-deletion job as a platform deploys it, through the library: it takes requests, waits out the cooling-off period, respects a legal hold,
//! erases many people under one new root, removes what is left of them, and can be cut off anywhere.
//!
//! Run: `cargo run --example account_deletion`. It works in a temporary folder with a clock that is moved by hand, and asserts what it shows.
//! A real job calls [`take_requests`] for each message of its queue and [`run`] every few minutes; or it leaves both to `oubliette serve`.
#![allow(clippy::print_stdout, reason = "an example says what it does and stops where it is wrong")]

use oubliette::{
    Approval, Clock, DeletionState, ErasureOutcome, NewDeletion, NewHold, PutOptions, SubjectFacts, Vault,
    VaultError, VaultOptions,
};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DAY: u64 = 24 * 3600 * 1_000_000;

/// Time that is moved by hand; a real job leaves the vault to the machine's clock.
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the platform keeps for each deletion, apart from the vault: with it the person can have their receipt checked.
struct Promise {
    user: &'static str,
    job: String,
    salt: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("vault");
    let clock = Arc::new(Moved(AtomicU64::new(1_800_000_000_000_000)));
    let vault = Vault::create(&folder, options(&clock))?;
    for user in ["ada", "grace", "alan", "edsger", "barbara"] {
        vault.put_subject(user, &SubjectFacts::default(), false)?;
        let save = format!("the world as {user} left it");
        vault.subject(user)?.saves().put(
            "freeciv",
            "slot-1",
            &PutOptions::default(),
            &mut save.as_bytes(),
        )?;
    }

    // 1. Requests arrive. The same message twice is one deletion, and its salt is told once.
    let mut promises = take_requests(&vault, &["ada", "grace", "alan", "edsger"])?;
    promises.extend(take_requests(&vault, &["ada"])?);
    assert_eq!(promises.len(), 4);
    let waiting = vault.deletion("ada")?;
    println!("ada: {}, {} days left", waiting.state.as_str(), waiting.seconds_left / 86_400);
    assert_eq!((waiting.state, waiting.seconds_left), (DeletionState::CoolingOff, 7 * 86_400));
    assert_eq!(load(&vault, "ada")?, b"the world as ada left it", "until then everything is hers");

    // 2. Grace changes her mind; a court wants alan's content kept.
    vault.cancel_deletion("grace")?;
    vault
        .holds("alan")?
        .place("case-7", &NewHold { reason: Some("a court's order".into()), expires: None })?;

    // 3. Six days later nothing is due, and the job is stopped in the middle of nowhere: there is no state to lose but the vault's.
    clock.0.fetch_add(6 * DAY, Ordering::SeqCst);
    assert_eq!(run(&vault)?, 0);
    drop(vault);
    let vault = Vault::open(&folder, options(&clock))?;

    // 4. The eighth day: ada and edsger leave under one new root, alan is held and not used, grace is whole.
    clock.0.fetch_add(2 * DAY, Ordering::SeqCst);
    assert!(matches!(vault.subject("ada"), Err(VaultError::SubjectBlocked)), "also before the job comes by");
    assert_eq!(run(&vault)?, 2);
    for user in ["ada", "edsger"] {
        assert!(matches!(vault.subject(user), Err(VaultError::SubjectErased { .. })));
        let info = vault.deletion(user)?;
        assert!(info.state >= DeletionState::Swept && info.erased.is_some());
    }
    assert_eq!(vault.deletion("alan")?.state, DeletionState::Held);
    assert!(matches!(vault.subject("alan"), Err(VaultError::SubjectBlocked)));
    assert_eq!(load(&vault, "grace")?, b"the world as grace left it");

    // 5. A late job of some other service writes for ada: refused, and she is not made anew by accident.
    assert!(matches!(
        vault.put_subject("ada", &SubjectFacts::default(), false),
        Err(VaultError::SubjectErased { .. })
    ));
    // Asked again, the job is still the one that was promised; an operator's erasure says the same.
    let promise =
        promises.iter().find(|promise| promise.user == "ada").ok_or("ada was promised something")?;
    assert!(vault.request_deletion("ada", &wish())?.salt.is_none());
    assert!(matches!(vault.erase(&["ada"])?.first(), Some(ErasureOutcome::AlreadyErased(_))));
    println!(
        "ada's receipt is about job {}; she shows it with a salt of {} digits",
        promise.job,
        promise.salt.len()
    );

    // 6. The hold ends, and the job goes on by itself.
    vault.holds("alan")?.lift("case-7")?;
    assert_eq!(run(&vault)?, 1);
    assert!(matches!(vault.subject("alan"), Err(VaultError::SubjectErased { .. })));

    // 7. Barbara must go at once: one officer asks, another one approves exactly that.
    let at_once = NewDeletion { cooling_off_days: Some(0), by: "officer 1".into(), ..wish() };
    let asked = vault.request_deletion("barbara", &at_once)?.deletion;
    let (job, what) = asked.job.zip(asked.overriding).ok_or("the first officer asked for it")?;
    let approval = |by: &str| Approval { job: job.clone(), digest: what.digest.clone(), by: by.into() };
    assert!(matches!(
        vault.approve_deletion("barbara", &approval("officer 1")),
        Err(VaultError::SecondPersonRequired)
    ));
    vault.approve_deletion("barbara", &approval("officer 2"))?;
    assert!(matches!(vault.subject("barbara"), Err(VaultError::SubjectErased { .. })));

    // 8. Only the return that is asked for brings a name back, and it is somebody new.
    vault.put_subject("ada", &SubjectFacts::default(), true)?;
    assert!(matches!(load(&vault, "ada"), Err(VaultError::NotFound { .. })));

    while vault.sweep(256)?.left > 0 {}
    assert!(vault.fsck(false, &mut |_, _| {})?.faults.is_empty());
    vault.close()?;
    println!("four are forgotten, grace is whole, ada is back with nothing");
    Ok(())
}

fn wish() -> NewDeletion {
    NewDeletion { reason: "account_closed".into(), ..NewDeletion::default() }
}

/// Takes requests; what was asked for before gives no second promise.
fn take_requests(vault: &Vault, users: &[&'static str]) -> Result<Vec<Promise>, VaultError> {
    let mut promises = Vec::new();
    for user in users {
        let asked = vault.request_deletion(user, &wish())?;
        if let (Some(job), Some(salt)) = (asked.deletion.job, asked.salt) {
            let salt = salt.expose().iter().map(|byte| format!("{byte:02x}")).collect();
            promises.push(Promise { user, job, salt });
        }
    }
    Ok(promises)
}

/// Carries out whatever is due, until nothing is left to be done now; says what became of each.
fn run(vault: &Vault) -> Result<u64, VaultError> {
    let mut erased = 0;
    // Whoever is still in use is blocked, and taken up again; what is left after a few rounds is the next run's.
    for _ in 0..5 {
        let done = vault.run_deletions(&mut |step| {
            let stores: Vec<_> =
                step.stores.iter().map(|store| format!("{} {}", store.removed, store.store)).collect();
            println!(
                "{}: {} {} {}",
                step.job,
                step.state.as_str(),
                stores.join(", "),
                step.waits.as_deref().unwrap_or_default()
            );
        })?;
        erased += done.erased;
        if done.left == 0 {
            break;
        }
    }
    Ok(erased)
}

fn options(clock: &Arc<Moved>) -> VaultOptions {
    VaultOptions { clock: Some(clock.clone()), ..VaultOptions::default() }
}

fn load(vault: &Vault, user: &str) -> Result<Vec<u8>, VaultError> {
    let mut reader = vault.subject(user)?.saves().get("freeciv", "slot-1", None)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
