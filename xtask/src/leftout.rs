//! Reading nextest's JUnit report: what ran, what suites say they left out, and the figures that they reached.
//!
//! A test that cannot run here (no `../shared`, no game server) prints one line `left out: suite: reason`
//! and returns; one that counts prints `assured: what: figures`. Passing tests' output is hidden, so the lines are collected here, each once.

use std::collections::BTreeSet;

/// What was left out, sorted, without the mark.
pub(crate) fn lines(report: &str) -> BTreeSet<String> {
    marked(report, "left out: ")
}

/// The figures that suites reached, sorted, without the mark.
pub(crate) fn figures(report: &str) -> BTreeSet<String> {
    marked(report, "assured: ")
}

fn marked(report: &str, mark: &str) -> BTreeSet<String> {
    report
        .lines()
        .filter_map(|line| line.split_once(mark))
        .map(|(_, rest)| unescape(rest.split('<').next().unwrap_or(rest)).trim().to_owned())
        .collect()
}

/// Tests passed and failed, from the attributes of the report's outermost element.
pub(crate) fn counts(report: &str) -> Option<(u64, u64)> {
    let (_, suites) = report.split_once("<testsuites ")?;
    let (attributes, _) = suites.split_once('>')?;
    let total = attribute(attributes, "tests")?;
    let failed = attribute(attributes, "failures")? + attribute(attributes, "errors")?;
    Some((total.checked_sub(failed)?, failed))
}

fn attribute(attributes: &str, name: &str) -> Option<u64> {
    let (_, value) = attributes.split_once(&format!(" {name}=\""))?;
    value.split_once('"')?.0.parse().ok()
}

/// The five entities of XML; `&amp;` last, so that what it yields is not read again.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="5" failures="1" errors="1" uuid="x" timestamp="y" time="0.1">
    <testsuite name="a" tests="9" disabled="0" errors="0" failures="0">
        <testcase name="one"><system-out>
running 1 test
left out: tape: needs &lt;shared&gt; &amp;amp; more
assured: kills: 25, bad: 0
test one ... ok</system-out></testcase>
        <testcase name="two"><system-out>left out: chat: needs ../shared</system-out></testcase>
        <testcase name="three"><system-out>left out: chat: needs ../shared
</system-out></testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn each_line_left_out_is_found_once_and_unescaped() {
        let expected = ["chat: needs ../shared", "tape: needs <shared> &amp; more"].map(str::to_owned);
        assert_eq!(lines(REPORT), BTreeSet::from(expected));
        assert_eq!(figures(REPORT), BTreeSet::from(["kills: 25, bad: 0".to_owned()]));
    }

    #[test]
    fn counts_come_from_the_outermost_element() {
        assert_eq!(counts(REPORT), Some((3, 2)));
        assert_eq!(counts("<testsuites name=\"none\">"), None);
        assert_eq!(counts(""), None);
    }
}
