//! Saves of a real game, and the game itself as the judge of what the vault gives back.

use super::{files_in, samples_dir};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

const SERVER: &str = "/usr/games/freeciv-server";

/// Successive saves of one slot from the repository: `islands` (plain text) or `packed` (compressed by the game).
pub(crate) fn sample(slot: &str) -> Vec<(String, Vec<u8>)> {
    files_in(&samples_dir().join("saves/freeciv").join(slot))
}

/// The shared game: 51 successive saves, 36 MB in all, unpacked with `tar` and `zstd`.
pub(crate) fn versions(shared: &Path) -> Vec<(String, Vec<u8>)> {
    let archive = shared.join("data/saves/freeciv/freeciv-50turns-seed42.tar.zst");
    let dir = tempfile::tempdir().unwrap();
    let tar = Command::new("tar")
        .args(["--use-compress-program", "zstd -d --long=27", "-xf"])
        .arg(&archive)
        .arg("-C")
        .arg(dir.path())
        .output()
        .expect("tar starts");
    assert!(tar.status.success(), "{}: {}", archive.display(), String::from_utf8_lossy(&tar.stderr));
    files_in(dir.path())
}

/// Whether [`plays_on`] can judge here.
pub(crate) fn is_installed() -> bool {
    Path::new(SERVER).is_file()
}

/// Lets the game load a save and play one turn on. The server ends with 0 even for a broken save, and plays on
/// from one that was cut off, so two things count: no error in its log, and the next turn's save. `name` says
/// the turn (`...-T0030-...`) and the compression, as the game names its files.
pub(crate) fn plays_on(name: &str, save: &[u8]) -> Result<(), String> {
    let next = turn(name).ok_or_else(|| format!("{name} names no turn"))? + 1;
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    fs::write(dir.path().join(name), save).map_err(|e| e.to_string())?;
    let script = format!(
        "set endturn {next}\nset saveturns 1\nset autosaves TURN|GAMEOVER\nset savename next\nset compresstype PLAIN\nstart\n"
    );
    fs::write(dir.path().join("script.serv"), script).map_err(|e| e.to_string())?;
    serve(dir.path(), name)?;

    let log = fs::read_to_string(dir.path().join("log")).map_err(|e| format!("no log: {e}"))?;
    if let Some(error) = log.lines().find(|line| line.starts_with("0: ") || line.starts_with("1: ")) {
        return Err(format!("{name}: {error}"));
    }
    let written = files_in(dir.path()).into_iter().find(|(file, _)| turn(file) == Some(next));
    let (_, bytes) = written.ok_or_else(|| format!("{name}: turn {next} was never saved"))?;
    let line = format!("\nturn={next}\n");
    let found = bytes.windows(line.len()).any(|window| window == line.as_bytes());
    if found { Ok(()) } else { Err(format!("{name}: the next save is not of turn {next}")) }
}

/// One run of the server on loopback, without the metaserver, as an ordinary user: it refuses to be root.
fn serve(dir: &Path, save: &str) -> Result<(), String> {
    let mut command = Command::new("timeout");
    command.arg("60");
    if is_root() {
        let chown = Command::new("chown").args(["-R", "games:games"]).arg(dir).status();
        chown.ok().filter(|status| status.success()).ok_or("chown to the user games failed")?;
        command.args(["setpriv", "--reuid=games", "--regid=games", "--clear-groups"]);
    }
    let status = command
        .args([
            SERVER,
            "-b",
            "127.0.0.1",
            "-A",
            "none",
            "-e",
            "-r",
            "script.serv",
            "-l",
            "log",
            "-s",
            ".",
            "-f",
            save,
        ])
        .args(["-p", &free_port()?.to_string()])
        .current_dir(dir)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| format!("cannot start the server: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{save}: the server did not play it ({status})")) }
}

fn turn(name: &str) -> Option<u32> {
    name.split("-T").nth(1)?.split('-').next()?.parse().ok()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}
