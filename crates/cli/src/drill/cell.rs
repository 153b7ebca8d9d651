//! A cell is lost: the only one, or one of a split root.

use std::fs;

use oubliette_store::{Vault, VaultOptions};

use super::{DrillError, Stage, claim, scene};

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let dir = stage.dir.join("vault");
    let disks = [stage.dir.join("disk-1"), stage.dir.join("disk-2")];
    disks.iter().try_for_each(fs::create_dir)?;
    let cells: Vec<_> = disks.iter().map(|disk| disk.join("share.cell")).collect();
    let options = VaultOptions { cells: cells.clone(), ..stage.options.clone() };
    let vault = Vault::create(&dir, options.clone())?;
    scene::fill(&vault)?;
    let warned: Vec<String> = vault.warnings().into_iter().map(|warning| warning.detail).collect();
    claim(
        warned.iter().any(|warning| warning.contains("any one")),
        format!("nobody is warned of the loss of a share: {warned:?}"),
    )?;
    vault.close()?;
    drop(vault);
    stage.say("A vault whose root is split over three cells, on three disks. Beforehand it says:");
    warned.iter().for_each(|warning| stage.say(format!("  {warning}")));
    let all: Vec<_> = [dir.join("root.cell")].into_iter().chain(cells).collect();
    for cell in all {
        let aside = stage.dir.join("aside");
        fs::rename(&cell, &aside)?;
        let said = scene::lost(Vault::open(&dir, stage.options.clone()))?;
        stage.say(format!("Without {}:", cell.display()));
        stage.say(format!("  {said}"));
        fs::rename(&aside, &cell)?;
    }
    let vault = Vault::open(&dir, stage.options.clone())?;
    scene::PEOPLE.iter().try_for_each(|user| scene::whole(&vault, user))?;
    scene::sound(&vault)?;
    vault.close()?;
    stage.say("With all of them back everybody is whole. Any one share that is gone for good is everything gone for good: that is what makes erasing sure.");
    Ok(())
}
