//! Rows come back from a backup that is older than an erasure.

use oubliette_store::{NewBackup, RestoredState, Vault, open_backup_store, restore_backup};

use super::{DrillError, Stage, claim, scene};

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let (dir, to) = (stage.dir.join("vault"), stage.dir.join("backup"));
    let vault = Vault::create(&dir, stage.options.clone())?;
    scene::fill(&vault)?;
    let place = open_backup_store(&to.to_string_lossy(), &stage.options.backup.s3)?;
    vault.backups().create(place.as_ref(), &NewBackup::default(), &mut |_| ())?;
    let [leaves, stays, _] = scene::PEOPLE;
    vault.erase(&[leaves])?;
    vault.put_subject("late", &oubliette_store::SubjectFacts::default(), false)?;
    vault.close()?;
    drop(vault);
    stage.say(format!("1. A backup is made; then {leaves} is erased, and `late` comes."));

    let new = stage.dir.join("new");
    let report = restore_backup(place.as_ref(), None, &new, &dir, stage.options, &mut |_| ())?;
    let counts =
        [RestoredState::Whole, RestoredState::Noise, RestoredState::Newer].map(|state| report.count(state));
    claim(counts == [2, 1, 1], format!("of two whole, one noise and one newer it says {counts:?}"))?;
    stage.say("2. The rows are restored into another folder; the keys move there, and the old folder opens no more.");
    claim(Vault::open(&dir, stage.options.clone()).is_err(), "the vault that was left opens still")?;
    let vault = Vault::open(&new, stage.options.clone())?;
    scene::erased(&vault, leaves)?;
    scene::whole(&vault, stays)?;
    while vault.sweep(1000)?.left > 0 {}
    scene::sound(&vault)?;
    vault.close()?;
    stage.say(format!("3. {stays} is whole; of {leaves} the backup holds noise."));
    Ok(())
}
