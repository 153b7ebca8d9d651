//! `oubliette subject export`

use std::{
    fs::{self, File},
    io::{self, BufReader, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use oubliette_client::ExportAsked;
use oubliette_store::verify_export;
use serde_json::json;

use crate::{
    config::Settings,
    error::CliError,
    output::{Output, Progress},
};

/// Writes beside the file, reads all of it again, and only then gives it its name: what bears the name is whole.
pub(super) fn run(
    user: &str,
    to: &Path,
    asked: &ExportAsked,
    settings: &Settings,
    output: &Output,
) -> Result<(), CliError> {
    if to.exists() {
        return Err(CliError::Usage(format!("{} is there already; name another file", to.display())));
    }
    let client = super::client(settings)?;
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = Part(PathBuf::from(name));
    // Left by an export that was interrupted.
    let _ = fs::remove_file(&part.0);
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&part.0);
    let failed = || CliError::io("writing the export", &part.0);
    let mut file = Watched { file: file.map_err(failed())?, done: 0, bar: Progress::bytes(None) };
    let bytes = client.export(user, asked, &mut file)?;
    let mut file = file.file;
    file.sync_all().map_err(failed())?;
    file.rewind().map_err(failed())?;
    let report = verify_export(BufReader::new(file))?;
    fs::rename(&part.0, to).map_err(CliError::io("writing the export", to))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(CliError::io("writing the export", to))?;
    let value = json!({ "file": to.display().to_string(), "bytes": bytes, "files": report.files });
    output.result(&value, || {
        let (files, to) = (report.files, to.display());
        vec![format!("{bytes} bytes in {to}, {files} files, each checked. Not encrypted: keep it safe")]
    });
    Ok(())
}

/// The file on its way; it goes if it does not get its name.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Shows how far it is.
struct Watched {
    file: File,
    done: u64,
    bar: Progress,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.done += written as u64;
        self.bar.at("bytes received", self.done);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
