//! What a run found, for people: lines for a terminal, a page for the file of a privacy officer.

use oubliette_closure::{Copied, Proof, Verdict};
use oubliette_store::rfc3339;

/// More people than this are counted, not listed.
const MOST_LISTED: usize = 200;

pub(super) fn lines(proof: &Proof, now: &str) -> Vec<String> {
    let mut lines = vec![headline(proof), String::new()];
    lines.extend(facts(proof, now).into_iter().map(|(name, value)| format!("{name}: {value}")));
    lines.extend(proof.copies.iter().map(|copy| format!("copy {}: {}", copy.path, found(copy))));
    lines.extend(leaks(proof));
    let erased = proof.erased.iter().take(MOST_LISTED).map(|person| {
        format!(
            "{}: {} values, {} opened",
            who(&person.handle, person.receipt.as_deref(), person.erased_at),
            person.values,
            person.opened
        )
    });
    lines.extend(erased);
    lines.extend(more(proof));
    lines.extend(proof.left_out.iter().map(|what| format!("left out: {what}")));
    lines
}

/// One sentence.
fn headline(proof: &Proof) -> String {
    let (erased, values) = (proof.erased.len(), proof.erased_values());
    match proof.verdict {
        Verdict::Proved => format!(
            "PROVED: of {erased} erased people with {values} values in these copies not one value opens; all {} living values do",
            proof.control_opened
        ),
        Verdict::Opens => format!(
            "NOT FORGOTTEN: {} values that are gone open with secrets that still exist",
            proof.leaks.iter().map(|leak| leak.values).sum::<u64>()
        ),
        Verdict::NothingProved => format!(
            "NOTHING PROVED: of {} living values in these copies {} opened",
            proof.control_values, proof.control_opened
        ),
    }
}

fn facts(proof: &Proof, now: &str) -> Vec<(&'static str, String)> {
    vec![
        ("time", now.to_owned()),
        ("vault", proof.vault.clone()),
        ("people in the vault", proof.living.to_string()),
        (
            "control: living people in the copies",
            format!(
                "{}, {} of {} values opened",
                proof.control_people, proof.control_opened, proof.control_values
            ),
        ),
        (
            "erased people in the copies",
            format!(
                "{}, {} of them with a receipt; {} values",
                proof.erased.len(),
                proof.with_receipt(),
                proof.erased_values()
            ),
        ),
        (
            "values that the living had forgotten since",
            format!("{}, {} opened", proof.forgotten_values, proof.forgotten_opened),
        ),
        (
            "secrets tried",
            format!(
                "{} roots ({} of the vault as it is), {} strings that may be keys, and every key that they lead to",
                proof.roots,
                proof.present_roots,
                proof.copies.iter().map(|copy| copy.written_keys).sum::<u64>()
            ),
        ),
        ("keys times pages and objects", proof.trials.to_string()),
    ]
}

fn found(copy: &Copied) -> String {
    format!(
        "{} files, {} bytes; {} key pages, {} rows, {} shares of a root",
        copy.files, copy.bytes, copy.pages, copy.rows, copy.shares
    )
}

fn leaks(proof: &Proof) -> Vec<String> {
    let mut lines = Vec::new();
    for leak in proof.leaks.iter().take(MOST_LISTED) {
        let whose = if leak.lives { "forgotten by somebody who lives" } else { "of somebody who was erased" };
        let by =
            if leak.files.is_empty() { "the vault's own keys".to_owned() } else { leak.files.join(", ") };
        lines.push(format!(
            "OPENS: {} values {whose} ({}), by {by}",
            leak.values,
            who(&leak.handle, leak.receipt.as_deref(), None)
        ));
    }
    lines.extend(proof.destroy.iter().map(|file| format!("destroy {file}, then run this again")));
    if proof.leaks.iter().any(|leak| leak.files.is_empty()) {
        lines.push(
            "what opens by the vault's own keys is a fault of this program: report it, and keep the copies"
                .to_owned(),
        );
    }
    lines
}

fn who(handle: &str, receipt: Option<&str>, erased_at: Option<i64>) -> String {
    let name = receipt
        .map_or_else(|| format!("no receipt, handle {handle}"), |receipt| format!("receipt {receipt}"));
    match erased_at.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => format!("{name}, erased {}", rfc3339(seconds.saturating_mul(1_000_000))),
        None => name,
    }
}

fn more(proof: &Proof) -> Option<String> {
    let left = proof.erased.len().saturating_sub(MOST_LISTED);
    (left > 0).then(|| format!("and {left} more; --json lists everybody"))
}

/// One page without anything to load: it prints as it is.
pub(super) fn html(proof: &Proof, now: &str) -> String {
    let row =
        |name: &str, value: &str| format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(name), escape(value));
    let facts: String = facts(proof, now).iter().map(|(name, value)| row(name, value)).collect();
    let copies: String = proof.copies.iter().map(|copy| row(&copy.path, &found(copy))).collect();
    let item = |line: &String| format!("<li>{}</li>\n", escape(line));
    let leaks: String = leaks(proof).iter().map(item).collect();
    let people: String = proof
        .erased
        .iter()
        .take(MOST_LISTED)
        .map(|person| {
            let name = who(&person.handle, person.receipt.as_deref(), person.erased_at);
            row(&name, &format!("{} values, {} opened", person.values, person.opened))
        })
        .collect();
    let rest: String = more(proof).iter().chain(&proof.left_out).map(item).collect();
    let colour = if proof.verdict == Verdict::Proved { "#0a5" } else { "#b00" };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Proof of erasure</title>\n<style>body{{font:11pt sans-serif;max-width:50em;margin:2em auto}}\
         th{{text-align:left;font-weight:normal;padding-right:2em;vertical-align:top}}td{{vertical-align:top}}h1{{font-size:15pt}}\
         .verdict{{border-left:.5em solid {colour};padding-left:1em;font-weight:bold}}</style></head><body>\n<h1>Old copies against the vault's present keys</h1>\n\
         <p class=\"verdict\">{}</p>\n<table>\n{facts}</table>\n<h2>Copies</h2>\n<table>\n{copies}</table>\n<ul>\n{leaks}</ul>\n<h2>Erased people in them</h2>\n\
         <table>\n{people}</table>\n<ul>\n{rest}</ul>\n<p>Every secret of the vault as it is, and whatever the copies themselves give, was tried on everything in the copies. \
         People stand here under random names that lead to nobody. What this shows and what not: docs/prove.md.</p>\n</body></html>\n",
        escape(&headline(proof))
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
