//! A mutation: a patch, and before it in lines of their own what it plants and which test finds it with which message.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

pub(crate) const FOLDER: &str = "crates/adversary/mutations";

pub(crate) struct Mutation {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) plants: String,
    pub(crate) suite: Suite,
    pub(crate) message: String,
}

/// One test.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Suite {
    pub(crate) package: String,
    /// The test binary below `tests`; `lib` for the tests in the source.
    pub(crate) binary: String,
    pub(crate) test: String,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.package, self.binary, self.test)
    }
}

/// Every mutation, by name.
pub(crate) fn all(root: &Path) -> Result<Vec<Mutation>, String> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Result<Mutation, String> {
    let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let optional = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    let field = |name| optional(name).ok_or_else(|| format!("{} has no line `{name}: `", path.display()));
    Ok(Mutation {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        plants: field("# plants")?,
        suite: Suite {
            package: optional("# package").unwrap_or_else(|| "oubliette-adversary".to_owned()),
            binary: optional("# test").unwrap_or_else(|| "tape".to_owned()),
            test: field("# caught by")?,
        },
        message: field("# message")?,
        path,
    })
}
