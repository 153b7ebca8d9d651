//! Running other programs at the root of the workspace, in sight of whoever started us.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Says the command line, runs it, and fails if it does.
pub(crate) fn run(program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    let line = format!("{program} {}", args.join(" "));
    println!("== {line}");
    let status = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .current_dir(root())
        .status()
        .map_err(|e| format!("cannot start `{line}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs [`our_cargo`].
pub(crate) fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    run(&our_cargo(), args, env)
}

/// Where cargo puts what it builds, whatever flags, environment and configuration say.
pub(crate) fn target_dir() -> Result<PathBuf, String> {
    let metadata = Command::new(our_cargo())
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .map_err(|e| format!("cannot start cargo metadata: {e}"))?;
    let json = String::from_utf8_lossy(&metadata.stdout);
    let (_, rest) =
        json.split_once("\"target_directory\":\"").ok_or("cargo metadata names no target folder")?;
    rest.split('"').next().map(PathBuf::from).ok_or_else(|| "cargo metadata is cut short".to_owned())
}

/// The released binary, once it is built.
pub(crate) fn release_binary() -> Result<String, String> {
    let binary = target_dir()?.join("release/oubliette");
    Ok(binary.to_str().ok_or("the target folder's path is not UTF-8")?.to_owned())
}

/// Whether a program of that name stands on the search path or where Debian keeps games.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let games = PathBuf::from("/usr/games");
    env::split_paths(&path)
        .chain([games])
        .any(|dir| fs::metadata(dir.join(program)).is_ok_and(|m| m.is_file()))
}

/// The `cargo` that runs us, so that all steps use one toolchain.
pub(crate) fn our_cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
