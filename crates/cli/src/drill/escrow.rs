//! All keys are lost, and there is an escrow: three holders, of whom two are needed.

use std::fs;
use std::path::Path;

use oubliette_store::escrow::holder::{self, OpenedShare};
use oubliette_store::escrow::{EscrowPlace, EscrowPlan};
use oubliette_store::{Clock, PutOptions, RecoverFrom, SubjectFacts, SystemClock, Vault, VaultError};

use super::{DrillError, Stage, claim, scene};

const HOLDERS: [&str; 3] = ["notary", "works council", "head office"];

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let (dir, store) = (stage.dir.join("vault"), stage.dir.join("escrow"));
    fs::create_dir(&store)?;
    let vault = Vault::create(&dir, stage.options.clone())?;
    scene::fill(&vault)?;
    let cards = HOLDERS.iter().map(|name| holder::keygen(&stage.dir.join(name), name, 1, 2));
    let holders = cards.collect::<Result<Vec<_>, _>>()?;
    vault.escrow().init(EscrowPlan { store: store.clone(), threshold: 2, days: 7, holders })?;
    claim(vault.warnings().is_empty(), "a vault with an escrow that is up to date is warned of its loss")?;
    stage.say(format!("1. A vault with an escrow: two of {} open it.", HOLDERS.join(", ")));

    // The escrow as a disaster in this moment leaves it: older than what follows.
    let kept = stage.dir.join("kept");
    scene::copy(&store, &kept)?;
    let [leaves, stays, forgets] = scene::PEOPLE;
    let erased = vault.erase(&[leaves])?;
    vault.subject(forgets)?.saves().forget_slot("drill", "small")?;
    vault.put_subject("late", &SubjectFacts::default(), false)?;
    vault.subject("late")?.saves().put(
        "drill",
        "small",
        &PutOptions::default(),
        &mut b"too late".as_slice(),
    )?;
    claim(erased.len() == 1, "nobody was erased")?;
    let generation = match erased.first() {
        Some(oubliette_store::ErasureOutcome::Erased(record)) => record.generation_after,
        _ => return Err(DrillError::Untrue(format!("{leaves} could not be erased"))),
    };
    let status = vault.escrow().status()?;
    let finality = vault.escrow().final_after(generation)?;
    claim(finality == Some(status.window_ends), format!("the erasure is final after {finality:?}"))?;
    stage.say(format!(
        "2. {leaves} is erased, {forgets} forgets a save, `late` comes. The erasure is final once window {} is over and its keys are destroyed; the escrow is {} generations behind.",
        status.window, status.behind
    ));
    vault.close()?;
    drop(vault);

    stage.say("3. The machine burns: the cell and both copies of the key pages are gone.");
    fs::remove_file(dir.join("root.cell"))?;
    fs::remove_dir_all(dir.join("keys-a"))?;
    fs::remove_dir_all(dir.join("keys-b"))?;
    let said = scene::lost(Vault::open(&dir, stage.options.clone()))?;
    stage.say(format!("   {said}"));

    let from = |of: &[&str]| -> Result<RecoverFrom, DrillError> {
        let shares = of.iter().map(|name| open(&kept, &stage.dir.join(name))).collect::<Result<_, _>>()?;
        let (ledger, rows) = (dir.join("ledger"), Some(dir.clone()));
        Ok(RecoverFrom { store: kept.clone(), shares, ledger, rows, old: Some(dir.clone()) })
    };
    let [first, _, third] = HOLDERS;
    let alone = from(&[first])?;
    let both = from(&[first, third])?;
    let new = stage.dir.join("new");
    let refused = Vault::recover(&new, &alone, stage.options, &mut |_, _| ());
    claim(matches!(refused, Err(VaultError::Invalid { .. })), "one holder alone opened the escrow")?;
    stage.say(format!("4. The {first} alone opens nothing. The {first} and the {third} together do:"));
    let without = RecoverFrom { ledger: stage.dir.join("no ledger"), ..from(&[first, third])? };
    let refused = Vault::recover(&new, &without, stage.options, &mut |_, _| ());
    claim(refused.is_err(), "it came back without the ledger, and with it who was erased")?;
    let (vault, done) = Vault::recover(&new, &both, stage.options, &mut |_, _| ())?;
    let keys = done.keys;
    claim(
        (keys.erased_again, keys.cut_again, done.lost) == (1, 1, 1),
        format!("of one erased, one cut and one lost it says {done:?}"),
    )?;
    stage.say(format!(
        "   {} people are there, {} erased again, of {} something forgotten again, {} created since and lost.",
        keys.people, keys.erased_again, keys.cut_again, done.lost
    ));
    scene::erased(&vault, leaves)?;
    scene::whole(&vault, stays)?;
    let kept_save = vault.subject(forgets)?.saves().get("drill", "large", None).is_ok();
    let forgotten = matches!(
        vault.subject(forgets)?.saves().get("drill", "small", None),
        Err(VaultError::NotFound { .. })
    );
    claim(kept_save && forgotten, format!("what {forgets} forgot is back, or more is gone"))?;
    let late = matches!(vault.subject("late"), Err(VaultError::SubjectUnknown));
    claim(late, "somebody is there whom the escrow cannot know")?;
    while vault.sweep(1000)?.left > 0 {}
    scene::sound(&vault)?;
    stage.say(format!("5. {stays} is whole; {leaves} stays erased, and their rows are swept."));

    let now = i64::try_from(SystemClock.now_micros() / 1_000_000).unwrap_or(i64::MAX);
    let statements = [first, third].into_iter().map(|name| holder::destroy(&stage.dir.join(name), 1, now));
    let statements = statements.collect::<Result<Vec<_>, _>>()?;
    let told = vault.escrow().rotate(&[], &statements);
    claim(told.is_err(), "an escrow whose keys are destroyed is called good")?;
    vault.close()?;
    claim(open(&kept, &stage.dir.join(first)).is_err(), "a destroyed key still opens a share")?;
    stage.say(
        "6. Two holders destroy their keys of the window and say so: nobody opens that escrow any more, and the vault says that nothing is put into it.",
    );
    Ok(())
}

/// A holder's share of the newest root.
fn open(store: &Path, holder: &Path) -> Result<OpenedShare, DrillError> {
    let vault = EscrowPlace::vaults(store)?.into_iter().next();
    let vault = vault.ok_or_else(|| DrillError::Untrue("nothing is in escrow".to_owned()))?;
    let newest = EscrowPlace::of(store, vault).roots()?.into_iter().next();
    let (_, blob) = newest.ok_or_else(|| DrillError::Untrue("no root is in escrow".to_owned()))?;
    Ok(holder::open(holder, &blob)?)
}
