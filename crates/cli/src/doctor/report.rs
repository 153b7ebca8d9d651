//! What was found.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    Ok,
    /// Weakens what is promised, or may on some other day.
    Warn,
    /// A promise does not hold.
    Bad,
    /// Could not be looked at.
    LeftOut,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The name it has in docs/doctor.md.
    pub(crate) about: &'static str,
    pub(crate) says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) todo: Option<String>,
}

/// What the vault's run said of one cell, and where its bytes lie.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) path: String,
    pub(crate) class: String,
    pub(crate) doubts: Vec<String>,
    /// Runs of bytes on the device: offset in the file, offset on the device, length.
    pub(crate) extents: Vec<(u64, u64, u64)>,
}

/// Everything `doctor` says.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The erasure class that this machine gives, E0 to E4.
    pub(crate) class: String,
    /// It was seen across a deletion, and not only at a file beside the cell.
    pub(crate) verified: bool,
    pub(crate) cells: Vec<Cell>,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn ok(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::Ok, about, says.into(), None);
    }

    pub(crate) fn left_out(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::LeftOut, about, says.into(), None);
    }

    pub(crate) fn warn(&mut self, about: &'static str, says: impl Into<String>, todo: impl Into<String>) {
        self.add(Level::Warn, about, says.into(), Some(todo.into()));
    }

    pub(crate) fn bad(&mut self, about: &'static str, says: impl Into<String>, todo: impl Into<String>) {
        self.add(Level::Bad, about, says.into(), Some(todo.into()));
    }

    fn add(&mut self, level: Level, about: &'static str, says: String, todo: Option<String>) {
        self.findings.push(Finding { level, about, says, todo });
    }

    /// How many findings are bad.
    pub(crate) fn bad_ones(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Bad).count()
    }

    /// One line for each finding, the class last.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |finding: &Finding| {
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Bad => "bad",
                Level::LeftOut => "left out",
            };
            let todo = finding.todo.as_ref().map(|todo| format!("; {todo}")).unwrap_or_default();
            format!("{level:<9}{}: {}{todo}", finding.about, finding.says)
        };
        let mut lines: Vec<String> = self.findings.iter().map(line).collect();
        let how = if self.verified { "verified across a deletion" } else { "by a probe beside it" };
        lines.push(format!("erasure class {} ({how})", self.class));
        lines
    }
}
