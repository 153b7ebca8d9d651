//! One copy of the key plane is lost.

use std::fs;

use oubliette_store::Vault;

use super::{DrillError, Stage, claim, scene};

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let dir = stage.dir.join("vault");
    let vault = Vault::create(&dir, stage.options.clone())?;
    scene::fill(&vault)?;
    let [leaves, stays, _] = scene::PEOPLE;
    vault.erase(&[leaves])?;
    vault.close()?;
    drop(vault);
    stage.say(format!("A vault with {} people, of whom {leaves} was erased.", scene::PEOPLE.len()));
    for copy in ["keys-a", "keys-b"] {
        fs::remove_dir_all(dir.join(copy))?;
        stage.say(format!("The disk of {copy} dies; the vault is opened."));
        let vault = Vault::open(&dir, stage.options.clone())?;
        let said = vault.status()?.problems;
        claim(
            said.iter().any(|problem| problem.contains(copy)),
            format!("nobody is told that {copy} was made anew"),
        )?;
        scene::whole(&vault, stays)?;
        scene::erased(&vault, leaves)?;
        scene::sound(&vault)?;
        vault.close()?;
        stage.say(format!("  It was made anew from the other copy, which is said: {}.", said.join("; ")));
    }
    stage.say("Both copies were lost once, nobody lost anything, and nobody came back.");
    Ok(())
}
