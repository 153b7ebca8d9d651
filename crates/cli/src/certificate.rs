//! A receipt as a page to print and file: one sheet of A4, without scripts, fonts or pictures from anywhere.

use oubliette_store::{CheckedReceipt, Receipt, ReceiptState, rfc3339, translog::VerifierKey};

const STYLE: &str = "@page{size:A4;margin:12mm}*{box-sizing:border-box}\
body{font:9.5pt/1.34 Georgia,serif;color:#111;max-width:186mm;margin:0 auto;padding:4mm}\
h1{font-size:16pt;margin:0 0 1mm}h2{font-size:10.5pt;margin:2.6mm 0 .8mm;border-bottom:.3mm solid #999}\
p{margin:.8mm 0}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:normal;color:#444;width:43mm;vertical-align:top;padding:.25mm 2mm .25mm 0}\
td{padding:.25mm 0;overflow-wrap:anywhere}code{font:7.6pt/1.25 monospace}ul{margin:.5mm 0;padding-left:5mm}\
.sign{display:flex;gap:8mm;margin-top:7mm}.sign div{flex:1;border-top:.3mm solid #111;padding-top:.6mm;color:#444}\
@media print{body{padding:0}}";

/// The page of a receipt that was verified with this key.
pub(crate) fn page(checked: &CheckedReceipt, key: &VerifierKey) -> String {
    let receipt = &checked.receipt;
    let (title, meaning) = match receipt.state {
        ReceiptState::Blocked => (
            "Receipt of a blocked deletion",
            "Since the moment below nobody can read or write this person's content through the vault. Its keys still exist: it is <b>not erased yet</b>.",
        ),
        ReceiptState::Erased => (
            "Certificate of erasure",
            "The keys of this person's content were destroyed. What is left of it, in every copy and every backup, is noise that nobody can open. It is not said here that no escrow could undo it: that is the receipt of state <i>final</i>.",
        ),
        ReceiptState::Final => (
            "Certificate of final erasure",
            "The keys of this person's content were destroyed, and nothing is left that could bring them back: what remains in any copy or backup is noise that nobody can open.",
        ),
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<p>{meaning}</p>\n"
    );
    section(&mut html, "What was asked, and done", &facts(receipt));
    if let Some(of) = &receipt.sanitization {
        let rows = [
            ("Guideline, method", format!("{}; {} by {}", of.guideline, of.method, of.technique)),
            ("Media", format!("{}; {}", of.media_type, of.media_source)),
            ("Verification", of.verification.clone()),
            ("Worth on this medium", of.validation.clone()),
            ("Tool; performed by", format!("{} {}; {}", of.tool, of.tool_version, of.performed_by)),
        ];
        section(&mut html, "Certificate of sanitization", &rows);
    }
    section(&mut html, "Evidence", &evidence(checked, key));
    html.push_str(limits(receipt.state));
    html.push_str(
        "<div class=\"sign\"><div>Name and role</div><div>Signature</div><div>Place and date</div></div>\n</body></html>\n",
    );
    html
}

fn facts(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("State", receipt.state.as_str().to_owned()),
        (
            "Asked for",
            format!(
                "{}, reason: {}, by {}",
                receipt.request.requested, receipt.request.reason, receipt.request.asked_by
            ),
        ),
        ("What", receipt.request.policy.clone()),
        ("Cooling-off; legal holds", format!("{}; {}", receipt.request.cooling_off, receipt.request.holds)),
        ("Blocked since", receipt.blocked.clone()),
    ];
    rows.extend(receipt.erased.iter().map(|time| ("Erased", time.clone())));
    if let Some(finality) = &receipt.finality {
        rows.push(("Final since", format!("{}; escrow: {}", finality.since, finality.escrow)));
    }
    rows.extend(receipt.request.region.iter().map(|region| ("Region", region.clone())));
    rows
}

fn evidence(checked: &CheckedReceipt, key: &VerifierKey) -> Vec<(&'static str, String)> {
    let receipt = &checked.receipt;
    let mut rows = vec![
        ("Receipt; issued", format!("{}; {}", receipt.receipt, receipt.issued)),
        ("Deletion job", receipt.subject.job.clone()),
        (
            "About",
            format!(
                "{} (with the salt of the request this shows whom it is about; without it, nobody)",
                receipt.subject.binding
            ),
        ),
    ];
    if let Some(keys) = &receipt.keys {
        let mirrors =
            keys.mirrors.map_or(String::new(), |mirrors| format!(", key pages in {mirrors} mirrors"));
        rows.push(("Root change", format!(
            "generation {} to {}, {} entries removed, {} readers and writers stopped; cell class {} over {} cell(s){mirrors}",
            keys.generation_before, keys.generation_after, keys.entries_removed, keys.leases_drained, keys.cell_class, keys.cells
        )));
        rows.push(("Root page before", keys.root_before.clone()));
        rows.push(("Root page after", keys.root_after.clone()));
    }
    if let Some(checkpoint) = &checked.checkpoint {
        rows.push((
            "Public log",
            format!(
                "{}, stands in its state of {} entries, root {}",
                checkpoint.origin,
                checkpoint.size,
                data_encoding::HEXLOWER.encode(&checkpoint.root)
            ),
        ));
    }
    for (name, time) in &checked.witnessed {
        rows.push(("Witness", format!("{name}, {}", rfc3339(time.saturating_mul(1_000_000)))));
    }
    rows.push(("Signature", format!("verified when this page was made, with the key {key}")));
    rows
}

fn section(html: &mut String, title: &str, rows: &[(&'static str, String)]) {
    html.push_str(&format!("<h2>{title}</h2>\n<table>\n"));
    for (name, value) in rows {
        let long = value.len() > 60 && !value.contains(' ');
        let value = escape(value);
        let value = if long { format!("<code>{value}</code>") } else { value };
        html.push_str(&format!("<tr><th>{name}</th><td>{value}</td></tr>\n"));
    }
    html.push_str("</table>\n");
}

/// What nobody should read into it.
fn limits(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Blocked => {
            "<h2>What this does not say</h2>\n<p>That anything was destroyed. Whoever has the vault's present keys can still read the content.</p>\n"
        }
        _ => {
            "<h2>What this does not say</h2>\n<ul><li>That nobody copied a key or content before: it proves a destruction, not an absence.</li>\
             <li>Anything about copies that had left the vault: with recipients, in exports, on screens, in logs of others.</li>\
             <li>More about the medium than its class says; a snapshot of the key's disk or of memory, taken before, can undo it.</li>\
             <li>That a law is satisfied. It is evidence, not advice. It holds as far as whoever holds the vault's key tells the truth; a witness's signature shows that the record was not rewritten later.</li></ul>\n\
             <p>Check it yourself: <code>oubliette receipt verify FILE --key KEY --user USER --salt SALT</code>, on any machine, without the vault.</p>\n"
        }
    }
}

/// Text that stands for itself in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
