//! What is left to show of an erasure: receipts that verify without the vault, and none of somebody who is there.

use std::fs;

use oubliette_store::{
    ErasureOutcome, ReceiptState, Vault, list_receipts, public_key, verify_ledger, verify_receipt,
};

use super::{DrillError, Stage, claim, scene};

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), DrillError> {
    let dir = stage.dir.join("vault");
    let vault = Vault::create(&dir, stage.options.clone())?;
    scene::fill(&vault)?;
    let [leaves, stays, _] = scene::PEOPLE;
    let Some(ErasureOutcome::Erased(record)) = vault.erase(&[leaves])?.into_iter().next() else {
        return Err(DrillError::Untrue(format!("{leaves} could not be erased")));
    };
    let salt = record.salt.ok_or_else(|| DrillError::Untrue("the salt was told to nobody".to_owned()))?;
    while vault.sweep(1000)?.left > 0 {}
    claim(
        vault.receipts_of_user(stays)?.is_empty(),
        format!("{stays} is there, and has a receipt of a deletion"),
    )?;
    vault.close()?;
    drop(vault);
    stage.say(format!("1. {leaves} is erased and swept; the vault is closed, and its keys are lost."));
    fs::remove_file(dir.join("root.cell"))?;
    fs::remove_dir_all(dir.join("keys-a"))?;
    fs::remove_dir_all(dir.join("keys-b"))?;

    let ledger = dir.join("ledger");
    let key = public_key(&ledger)?;
    let mut states = Vec::new();
    let mut texts = Vec::new();
    list_receipts(&ledger, &mut |line| states.push((line.id, line.receipt.state)))?;
    for (id, state) in &states {
        let id = oubliette_store::ReceiptId::parse(id);
        let text = id.map(|id| oubliette_store::read_receipt(&ledger, &id)).transpose()?.flatten();
        texts.push((
            *state,
            text.ok_or_else(|| DrillError::Untrue("a receipt that is listed is not there".to_owned()))?,
        ));
    }
    let has = |state| states.iter().any(|(_, found)| *found == state);
    claim(has(ReceiptState::Erased) && has(ReceiptState::Final), format!("there are receipts {states:?}"))?;
    for (state, text) in &texts {
        let checked = verify_receipt(text, &key, None, &[], Some((leaves, &salt)));
        claim(
            checked.is_ok_and(|checked| checked.about),
            format!("the receipt `{}` does not verify", state.as_str()),
        )?;
        let other = verify_receipt(text, &key, None, &[], Some((stays, &salt)));
        claim(other.is_err(), "a receipt is taken for somebody else's")?;
        let forged = text.replacen("\"state\": \"", "\"state\":  \"", 1);
        claim(
            forged != *text && verify_receipt(&forged, &key, None, &[], None).is_err(),
            "a changed receipt verifies",
        )?;
        stage.say(format!("2. The receipt `{}` verifies with the public key alone, and is about {leaves}; changed by one byte it does not.", state.as_str()));
    }
    let report = verify_ledger(&ledger, Some(&key))?;
    claim(report.faults.is_empty(), format!("the ledger says {:?}", report.faults))?;
    stage.say(format!(
        "3. The log of {} deletions agrees with them. None of it names anybody.",
        report.entries
    ));
    for entry in fs::read_dir(&ledger)? {
        let path = entry?.path();
        if path.is_file() && !path.ends_with("escrow.json") {
            let bytes = fs::read(&path)?;
            let named = bytes.windows(leaves.len() + 2).any(|at| at == format!("\"{leaves}\"").as_bytes());
            claim(!named, format!("{} names {leaves}", path.display()))?;
        }
    }
    Ok(())
}
