//! Which file is what, and the files that a manifest names.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{Ask, Bad, ImportError, Parsed, encrypted, encrypted::Manifest, mafile, vdf};
use crate::error::CliError;

/// Steam's own files stay far below.
const MAX_FILE: u64 = 16 << 20;

/// What one file was recognised as.
enum Kind {
    Manifest(Manifest),
    MaFile(Parsed),
    /// Ciphertext, to be looked up in a manifest.
    Encrypted(Zeroizing<Vec<u8>>),
    Vdf(Parsed),
}

/// A file named in a manifest, or by the user beside one.
struct Sealed {
    file: PathBuf,
    ciphertext: Zeroizing<Vec<u8>>,
}

/// Every file's content, with the maFiles of all manifests.
pub(super) fn read_all(files: &[PathBuf], ask: Ask<'_>) -> Result<Vec<(PathBuf, Parsed)>, CliError> {
    let (mut parsed, mut sealed, mut manifests) = (Vec::new(), Vec::new(), Vec::new());
    let mut queue = files.to_vec();
    queue.reverse();
    let mut seen: Vec<PathBuf> = Vec::new();
    while let Some(file) = queue.pop() {
        // A maFile that is named and stands in the manifest, too, is one file.
        if seen.contains(&file) {
            continue;
        }
        seen.push(file.clone());
        match recognise(&file)? {
            Kind::MaFile(found) | Kind::Vdf(found) => parsed.push((file, found)),
            Kind::Encrypted(ciphertext) => sealed.push(Sealed { file, ciphertext }),
            Kind::Manifest(manifest) => {
                let folder = file.parent().unwrap_or(Path::new(""));
                for entry in manifest.entries.iter().rev() {
                    queue.push(folder.join(plain_name(&file, &entry.filename)?));
                }
                manifests.push((folder.to_owned(), manifest));
            }
        }
    }
    if sealed.is_empty() {
        return Ok(parsed);
    }
    // The manifest of a folder is where it always was, also if nobody named it.
    for Sealed { file, .. } in &sealed {
        let folder = file.parent().unwrap_or(Path::new(""));
        if !manifests.iter().any(|(of, _)| of == folder) {
            let path = folder.join("manifest.json");
            match path.exists().then(|| recognise(&path)).transpose()? {
                Some(Kind::Manifest(manifest)) => manifests.push((folder.to_owned(), manifest)),
                _ => {
                    let what = "is encrypted, and there is no manifest.json beside it, without which no pass-phrase opens it";
                    return Err(bad(file, what.to_owned()).into());
                }
            }
        }
    }
    let passphrase = ask()?;
    for Sealed { file, ciphertext } in sealed {
        let plain = open(&file, &ciphertext, &manifests, &passphrase).map_err(|what| bad(&file, what))?;
        let found = mafile::parse(&plain).map_err(|what| bad(&file, what))?;
        parsed.push((file, found));
    }
    Ok(parsed)
}

fn open(
    file: &Path,
    ciphertext: &[u8],
    manifests: &[(PathBuf, Manifest)],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, Bad> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let entry = manifests
        .iter()
        .filter(|(of, _)| of == folder)
        .flat_map(|(_, manifest)| &manifest.entries)
        .find(|entry| entry.filename == name)
        .ok_or_else(|| "is encrypted, and its manifest.json does not name it".to_owned())?;
    encrypted::open(entry, ciphertext, passphrase)
}

fn recognise(file: &Path) -> Result<Kind, CliError> {
    let bytes = read(file)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii();
    let kind = match text.first() {
        None => Err("is empty".to_owned()),
        Some(b'{') if encrypted::is_manifest(text) => encrypted::manifest(text).map(Kind::Manifest),
        Some(b'{') => mafile::parse(text).map(Kind::MaFile),
        Some(b'"' | b'/') if text.contains(&b'{') => vdf::parse(text).map(Kind::Vdf),
        Some(_) if encrypted::is_ciphertext(text) => Ok(Kind::Encrypted(Zeroizing::new(text.to_vec()))),
        Some(_) => Err("is no maFile, no manifest.json and no login file of Steam".to_owned()),
    };
    Ok(kind.map_err(|what| bad(file, what))?)
}

/// In one piece, so that no copy is left behind by growing.
fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let io = |source| CliError::io("reading credentials", file)(source);
    let opened = File::open(file).map_err(io)?;
    let length = opened.metadata().map_err(io)?.len();
    if length > MAX_FILE {
        return Err(bad(file, format!("is larger than {MAX_FILE} bytes")).into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    opened.take(MAX_FILE).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// A manifest names files of its own folder, or it could have any file of the machine read.
fn plain_name(manifest: &Path, name: &str) -> Result<PathBuf, ImportError> {
    let path = PathBuf::from(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) if !name.contains('\\') => Ok(path),
        _ => Err(bad(manifest, "names a file outside of its folder".to_owned())),
    }
}

fn bad(file: &Path, what: Bad) -> ImportError {
    ImportError { file: file.to_owned(), what }
}
