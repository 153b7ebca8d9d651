//! `cargo bench --bench slow_disk`: durable messages by what a flush of the disk costs. On a real ext4 on a disk in memory that answers each
//! flush so much later. Needs root, for FUSE and a loop device; without them it says so and measures nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks through them")]

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use oubliette_powercut::{BlockDevice, LoopMount};

const SIZE: u64 = 4 << 30;
/// For one run of the bench.
const LONGEST: Duration = Duration::from_secs(600);
const FLUSHES: [Duration; 4] =
    [Duration::ZERO, Duration::from_micros(250), Duration::from_millis(1), Duration::from_millis(5)];

fn main() {
    if let Err(error) = FLUSHES.into_iter().try_for_each(measure) {
        eprintln!("the slow disk was left out: {error}");
    }
}

fn measure(flush: Duration) -> Result<(), String> {
    let device = BlockDevice::slow(SIZE, flush, LONGEST).map_err(|error| error.to_string())?;
    let mut format = Command::new("mkfs.ext4");
    format.args(["-q", "-F"]).arg(device.path()).stdin(Stdio::null());
    let formatted = format.status().map_err(|error| format!("mkfs.ext4: {error}"))?;
    if !formatted.success() {
        return Err(format!("mkfs.ext4 ended with {formatted}"));
    }
    let mount = LoopMount::new(&device.path(), "noatime")?;
    println!("each flush takes {flush:?} more");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_oubliette"));
    bench.args(["bench", "messages", "--rounds", "3", "--scratch"]).arg(mount.path()).stdin(Stdio::null());
    // A goal that is missed is a figure like any other here.
    bench.status().map(drop).map_err(|error| error.to_string())
}
