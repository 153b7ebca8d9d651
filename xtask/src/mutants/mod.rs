//! `cargo xtask mutants`: plants each mistake of `crates/adversary/mutations` into a scratch copy and demands that the test which it
//! names finds it (docs/adversary.md).

mod mutation;
mod scratch;
#[cfg(test)]
mod tests;

use crate::command;
use mutation::{Mutation, Suite};
use scratch::Scratch;
use std::{collections::BTreeSet, time::Instant};

/// Runs the mutation of this name, or every mutation, or with a shard `n/m` the n-th part of m of them.
pub(crate) fn run(only: Option<&str>, shard: Option<&str>) -> Result<(), String> {
    let mut mutations = mutation::all(&command::root())?;
    mutations.retain(|mutation| only.is_none_or(|only| mutation.name == only));
    if let Some(shard) = shard {
        mutations = part(mutations, shard)?;
    }
    if mutations.is_empty() {
        return Err("there is no such mutation".to_owned());
    }
    plant_all(&mutations)
}

fn part(all: Vec<Mutation>, shard: &str) -> Result<Vec<Mutation>, String> {
    let numbers: Option<(usize, usize)> =
        shard.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((n, of)) if 1 <= n && n <= of => {
            let chosen = all.into_iter().enumerate().filter(|(at, _)| at % of == n - 1);
            Ok(chosen.map(|(_, mutation)| mutation).collect())
        }
        _ => Err(format!("{shard} is no part: say --shard 1/4 for the first of four")),
    }
}

/// First every test without a mutation: one that fails anyhow catches nothing.
fn plant_all(mutations: &[Mutation]) -> Result<(), String> {
    let scratch = Scratch::new();
    scratch.restore()?;
    let mut unable = BTreeSet::new();
    let suites: BTreeSet<&Suite> = mutations.iter().map(|mutation| &mutation.suite).collect();
    for suite in suites {
        let (passed, output) = scratch.test(suite)?;
        if !passed {
            return Err(format!("{suite} fails without any mutation:\n{output}"));
        }
        if output.contains("left out: ") {
            unable.insert(suite);
        }
    }
    let (mut caught, mut left_out, mut missed) = (0, 0, Vec::new());
    for mutation in mutations {
        if unable.contains(&mutation.suite) {
            println!("left out: mutants: {}: {} cannot run here", mutation.name, mutation.suite);
            left_out += 1;
        } else if plant(&scratch, mutation)? {
            caught += 1;
        } else {
            missed.push(mutation.name.as_str());
        }
    }
    scratch.restore()?;
    println!("{caught} of {} planted mistakes caught, {left_out} left out", mutations.len());
    if missed.is_empty() { Ok(()) } else { Err(format!("not caught: {}", missed.join(", "))) }
}

fn plant(scratch: &Scratch, mutation: &Mutation) -> Result<bool, String> {
    let start = Instant::now();
    scratch.restore()?;
    scratch.apply(&mutation.path)?;
    let (passed, output) = scratch.test(&mutation.suite)?;
    let caught = !passed && output.contains("test result: FAILED") && output.contains(&mutation.message);
    let verdict = if caught { "caught" } else { "MISSED" };
    println!("{verdict} in {:>3} s: {}: {}", start.elapsed().as_secs(), mutation.name, mutation.plants);
    if !caught {
        println!("{output}");
    }
    Ok(caught)
}
