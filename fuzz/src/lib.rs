//! What all targets share.

/// A target: its name, what it does with an input, and inputs made from true encodings.
type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// Runs the target of this name.
pub fn run(targets: &[Target], name: &str, input: &[u8]) {
    let (_, run, _) = targets.iter().find(|target| target.0 == name).expect("a target of this name");
    run(input);
}
