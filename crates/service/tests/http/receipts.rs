//! Receipts and the log over HTTP, with a witness on another machine.

use oubliette_service::{
    Config,
    operator::{Answer, Command},
    tokens::{Scope, Tokens},
};
use oubliette_store::{
    Receipt, ReceiptState, Vault, VaultOptions, public_key,
    translog::{Checkpoint, ConsistencyProof, Note, Witness, WitnessKey},
    verify_receipt,
};

use crate::support::{Service, operate};

#[test]
fn a_receipt_goes_from_the_operator_to_the_auditor() {
    let home = tempfile::tempdir().unwrap();
    let key = WitnessKey::generate("witness.example/1").unwrap();
    let public = key.verifier().unwrap();
    let options = VaultOptions { witnesses: vec![public.to_string()], ..VaultOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let service = Service::over(folder, vault, Config::default());
    let client = service.with_people(&["ann", "bob"]);
    let ledger = service.data().join("ledger");
    let log = public_key(&ledger).unwrap();
    Checkpoint::open(&Note::parse(&client.log_checkpoint().unwrap()).unwrap(), &log).unwrap();

    let erase = |user: &str| match service.erase(user).unwrap() {
        Answer::Erased(erasure) => erasure,
        other => panic!("{other:?}"),
    };
    let erasure = erase("ann");
    let told = erasure.receipt.unwrap();
    let receipt = Receipt::parse(Note::parse(&told).unwrap().text()).unwrap();
    assert_eq!(receipt.state, ReceiptState::Erased);
    let got = client.receipt(&receipt.receipt).unwrap();
    assert_eq!(got, told);
    let proof = client.log_proof(&receipt.receipt).unwrap();
    verify_receipt(&got, &log, Some(&proof), &[], None).unwrap();
    let answer = service.raw("GET", &format!("/v1/receipts/{}", receipt.receipt), &[], b"");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    for path in ["/v1/receipts/nobody", "/v1/receipts/00000000000000000000000000000000", "/v1/log/proof/x"] {
        service.raw("GET", path, &[], b"").problem(404, "not_found");
    }
    assert_eq!(
        service.raw("GET", "/v1/log/consistency?from=999", &[], b"").problem(400, "invalid")["field"],
        "from"
    );
    service.raw("GET", "/v1/log/consistency", &[], b"").problem(400, "invalid");

    // The witness's token lets it do that and no more.
    let (token, _) = Tokens::open(&service.data()).create("witness", &[Scope::LogWitness], None).unwrap();
    let there = service.client_with(token.reveal());
    assert!(there.receipt(&receipt.receipt).is_err());
    let file = home.path().join("seen");
    let witness = Witness { key: &key, log: &log, file: &file };
    let proof =
        ConsistencyProof::parse(&there.log_consistency(witness.seen().unwrap().size()).unwrap()).unwrap();
    let unsigned = there.put_cosigned(&proof.checkpoint.to_string());
    assert!(unsigned.unwrap_err().to_string().contains("log_refused"));
    let note = witness.cosign(&proof, 1_900_000_000).unwrap();
    there.put_cosigned(&note.to_string()).unwrap();
    // The service changes its root by itself meanwhile: what the witness signed need not be the newest.
    let signed = Checkpoint::parse(note.text()).unwrap().size;
    let proof = client.log_proof(&receipt.receipt).unwrap();
    let checked = verify_receipt(&got, &log, Some(&proof), std::slice::from_ref(&public), None).unwrap();
    assert_eq!(checked.witnessed.len(), 1);
    let Answer::Status(status) = operate(&service.data(), &Command::Status).unwrap() else { panic!() };
    assert_eq!(
        (status.log.witnessed, status.log.witnessed_by.as_deref()),
        (Some(signed), Some("witness.example/1"))
    );
    assert!(status.log.entries >= signed);

    erase("bob");
    let proof = ConsistencyProof::parse(&there.log_consistency(signed).unwrap()).unwrap();
    witness.cosign(&proof, 1_900_000_001).unwrap();
    for (body, status, code) in [
        (b"".as_slice(), 422, "log_refused"),
        (b"\xff", 400, "invalid"),
        (b"what?\n\n\xe2\x80\x94 x AAAAAAA=\n", 422, "log_refused"),
    ] {
        service
            .raw("POST", "/v1/log/checkpoint", &[("Content-Type", "text/plain")], body)
            .problem(status, code);
    }
}
