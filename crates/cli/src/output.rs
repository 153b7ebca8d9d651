//! What the commands print: results to stdout as text or JSON, everything else to stderr.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::CliError;

/// Where results go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: as JSON if asked for, else the lines of `text`.
    pub(crate) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> Vec<String>) {
        if self.json {
            stdout(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            text().iter().for_each(|line| stdout(line));
        }
    }

    /// One line of text; left out where JSON was asked for.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            stdout(text);
        }
    }

    /// Says why the command failed.
    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            let value = serde_json::json!({ "error": error.to_string(), "exit_code": error.exit_code() });
            stderr(&value.to_string());
        } else {
            stderr(&format!("oubliette: {error}"));
        }
    }

    /// Asks before something is destroyed. `--yes` (as `yes`) answers; without a terminal it must.
    pub(crate) fn confirm(&self, yes: bool, question: &str) -> Result<(), CliError> {
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(CliError::Usage(
                "this destroys content: say --yes where nobody can be asked".to_owned(),
            ));
        }
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{question} This cannot be undone. Type yes: ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(CliError::io("reading the answer", "the terminal"))?;
        if answer.trim() == "yes" { Ok(()) } else { Err(CliError::NotConfirmed) }
    }
}

/// Prints a line; a reader that went away is no error.
pub(crate) fn stdout(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line to stderr.
pub(crate) fn stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// How far long work came: a bar on a terminal, a plain line every few seconds elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total: Option<u64>,
    begun: Instant,
    said: Instant,
}

impl Progress {
    /// `total` in bytes, if it is known.
    pub(crate) fn bytes(total: Option<u64>) -> Self {
        let template = "{msg} {bytes}/{total_bytes} {bar:30} {bytes_per_sec}, {eta} left";
        Self::new(total, if total.is_some() { template } else { "{spinner} {bytes} {bytes_per_sec}" })
    }

    /// Steps whose number nobody knows beforehand.
    pub(crate) fn steps() -> Self {
        Self::new(None, "{spinner} {msg} {pos}")
    }

    fn new(total: Option<u64>, template: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, total, begun: Instant::now(), said: Instant::now() }
    }

    pub(crate) fn at(&mut self, what: &str, done: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(what.to_owned());
                bar.set_position(done);
            }
            None if self.said.elapsed() > Duration::from_secs(3) => {
                self.said = Instant::now();
                stderr(&line(what, done, self.total, self.begun.elapsed()));
            }
            None => {}
        }
    }
}

/// Where the end is known also how fast it comes nearer, and when it will be there.
fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let Some(total) = total else { return format!("{what}: {done}") };
    let millis = elapsed.as_millis().max(1);
    let rate = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
    let left = total.saturating_sub(done).checked_div(rate);
    let left = left.map_or(String::new(), |seconds| format!(", {seconds} s left"));
    format!("{what}: {done} of {total} bytes, {rate} bytes/s{left}")
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_says_rate_and_time_left() {
        let second = Duration::from_secs(1);
        assert_eq!(line("rows", 5, None, second), "rows: 5");
        assert_eq!(line("copying", 10, Some(30), second), "copying: 10 of 30 bytes, 10 bytes/s, 2 s left");
        assert_eq!(line("copying", 0, Some(30), second), "copying: 0 of 30 bytes, 0 bytes/s");
    }
}
