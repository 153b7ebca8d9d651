//! The memory of the service does not grow with the saves that pass through it.
//!
//! Measured on the released binary, named by `OUBLIETTE_RELEASE_BIN` (`cargo xtask test` builds and names it).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much it looked at"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/server.rs"]
mod server;

mod stream;

use oubliette_client::{SaveOptions, SaveRead};
use server::Server;
use std::{
    env, fs,
    io::{self, Read},
    path::PathBuf,
    time::Instant,
};
use stream::Content;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const ALLOWED: u64 = 64 * MIB;
/// The save, its copy on the way, and room to breathe.
const DISK: u64 = 3 * GIB;

#[test]
fn a_save_of_a_gibibyte_passes_in_and_out_through_64_mebibytes() {
    let Some(binary) = env::var_os("OUBLIETTE_RELEASE_BIN").map(PathBuf::from) else {
        return support::left_out("memory", "needs OUBLIETTE_RELEASE_BIN, the released binary");
    };
    let folder = tempfile::tempdir().unwrap();
    if free(folder.path()) < DISK {
        return support::left_out("memory", "needs 3 GiB of free disk");
    }
    let data = folder.path().join("vault");
    let settings = folder.path().join("oubliette.toml");
    fs::write(&settings, format!("[saves]\nmax_size = {}\n", 2 * GIB)).unwrap();
    let server = Server::try_start(&binary, &data, &["--config", settings.to_str().unwrap()]).unwrap();
    let client = server.client();
    client.put_subject("ann", &Default::default(), false).unwrap();
    let small = &mut &b"a save that warms up what is needed for any"[..];
    client.put_save("ann", "game", "small", small, &SaveOptions::default()).unwrap();
    let idle = peak(server.pid());

    let began = Instant::now();
    let options = SaveOptions { length: Some(GIB), ..SaveOptions::default() };
    let stored = client.put_save("ann", "game", "large", &mut Content::new(GIB), &options).unwrap();
    assert_eq!(stored.size, GIB);
    let (sent, after_sending) = (began.elapsed(), peak(server.pid()));

    let began = Instant::now();
    let mut save = client.save("ann", "game", "large", &SaveRead::default()).unwrap().unwrap();
    assert_eq!(save.length, GIB);
    let same = same(&mut save, &mut Content::new(GIB)).unwrap();
    assert!(same, "the save came back changed");
    let (received, after_receiving) = (began.elapsed(), peak(server.pid()));

    let rate = |time: std::time::Duration| 1024.0 / time.as_secs_f64();
    println!(
        "peak: {} MiB idle, {} MiB after 1 GiB in ({:.0} MiB/s), {} MiB after 1 GiB out ({:.0} MiB/s)",
        idle / MIB,
        after_sending / MIB,
        rate(sent),
        after_receiving / MIB,
        rate(received)
    );
    assert!(after_receiving < idle + ALLOWED, "{idle} bytes idle, {after_sending}, {after_receiving}");
    assert_eq!(server.stop().code, Some(0));
}

/// Most memory that the process ever had, in bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

fn same(one: &mut impl Read, other: &mut impl Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let n = one.read(&mut left)?;
        if n == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        other.read_exact(&mut right[..n])?;
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}

/// As `df` says it.
fn free(folder: &std::path::Path) -> u64 {
    let output =
        std::process::Command::new("df").args(["-B1", "--output=avail"]).arg(folder).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}
