//! The `oubliette` binary.
fn main() {}
