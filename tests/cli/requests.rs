//! What people ask for under their rights.

use super::*;

#[test]
fn requests_are_noted_listed_by_their_day_and_answered() {
    let served = Served::start(tempfile::tempdir().unwrap());
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
    }
    ended(&served.run(&["request", "list"], b""), 0, "");
    let add = ["request", "add", "alice", "access", "--received", "2024-02-20T08:00:00Z", "--detail", "all"];
    ended(&served.run(&add, b""), 0, "due 2024-03-06T08:00:00Z");
    ended(&served.run(&["request", "add", "bob", "deletion"], b""), 0, "1\tdeletion\treceived");
    ended(&served.run(&["request", "add", "bob", "escape"], b""), 2, "portability");
    let open = served.run(&["request", "list"], b"");
    let lines: Vec<_> = String::from_utf8_lossy(&open.stdout).lines().map(str::to_owned).collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("alice\t1\taccess") && lines[0].ends_with("OVERDUE"),
        "{lines:?}"
    );
    let answer = ["request", "answer", "alice", "1", "--outcome", "granted", "--detail", "sent"];
    ended(&served.run(&answer, b""), 0, "granted");
    ended(&served.run(&answer, b""), 2, "answered before");
    ended(
        &served.run(&["request", "answer", "alice", "5", "--outcome", "refused"], b""),
        3,
        "no such request",
    );
    ended(&served.run(&["request", "list", "alice"], b""), 0, "granted");
    assert_eq!(String::from_utf8_lossy(&served.run(&["request", "list"], b"").stdout).lines().count(), 1);
}
