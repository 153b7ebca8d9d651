//! All keys are lost, and there is no escrow.

use std::fs;

use oubliette_store::Vault;

use super::{DrillError, Stage, claim, scene};

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let dir = stage.dir.join("vault");
    let vault = Vault::create(&dir, stage.options.clone())?;
    scene::fill(&vault)?;
    let warned: Vec<String> = vault.warnings().into_iter().map(|warning| warning.detail).collect();
    claim(
        warned.iter().any(|warning| warning.contains("total loss")),
        format!("nobody is warned of the loss of the cell: {warned:?}"),
    )?;
    claim(vault.not_ready().is_empty(), "a warning makes a vault unready")?;
    vault.close()?;
    drop(vault);
    stage.say("A vault with one cell and no escrow. Beforehand status, doctor and readiness say:");
    warned.iter().for_each(|warning| stage.say(format!("  {warning}")));
    let copy = stage.dir.join("copy");
    scene::copy(&dir, &copy)?;
    for lost in ["root.cell", "keys-a", "keys-b"] {
        let path = copy.join(lost);
        if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
    }
    let said = scene::lost(Vault::open(&copy, stage.options.clone()))?;
    stage.say("The cell and both copies of the key pages are lost:");
    stage.say(format!("  {said}"));
    // Key pages are no use without the cell, nor the cell without key pages.
    for kept in [["root.cell"].as_slice(), &["keys-a", "keys-b"]] {
        for name in kept {
            let (from, to) = (dir.join(name), copy.join(name));
            if from.is_dir() { scene::copy(&from, &to)? } else { fs::copy(&from, &to).map(|_| ())? }
        }
        scene::lost(Vault::open(&copy, stage.options.clone()))?;
        stage.say(format!("With {} alone it does not open, either.", kept.join(" and ")));
        for name in kept {
            let path = copy.join(name);
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
    }
    stage.say("Everything is lost, and no backup of rows helps. If that must not be: docs/escrow.md.");
    Ok(())
}
