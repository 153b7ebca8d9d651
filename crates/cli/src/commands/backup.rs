//! `oubliette backup`

use std::path::{Path, PathBuf};

use oubliette_service::{
    backups::BackupView,
    operator::{Answer, BackupsVerified, Command as Operation, TOTAL},
};
use oubliette_store::{
    AuditKind, RestoreReport, RestoredState, Vault, VaultError, VaultOptions, open_backup_store,
    restore_backup, verify_backups,
};
use serde_json::json;

use crate::{
    config::Settings,
    error::CliError,
    folder,
    output::{Output, Progress},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a backup; also while a service runs. What the backups before hold is not copied again
    Create {
        /// A folder, or s3://bucket/prefix [default: the setting `backup.to`]
        #[arg(long, value_name = "PLACE")]
        to: Option<String>,
        /// Build on no earlier backup
        #[arg(long)]
        full: bool,
        /// Where the place stands, as the platform names its regions [default: the setting `backup.region`]
        #[arg(long)]
        region: Option<String>,
    },
    /// Backups, and who can be read from each today
    List {
        /// [default: the setting `backup.to`]
        #[arg(long, value_name = "PLACE")]
        from: Option<String>,
    },
    /// Read backups again and compare; exit code 5 if anything is wrong. With the vault at hand also who made them
    Verify {
        /// [default: the setting `backup.to`]
        #[arg(long, value_name = "PLACE")]
        from: Option<String>,
        /// One of them [default: all]
        #[arg(long)]
        id: Option<String>,
        /// Without the vault's keys: digests alone
        #[arg(long)]
        offline: bool,
    },
    /// Make a vault in --data from a backup, with the keys of the vault in --keys, which moves there
    Restore {
        /// [default: the setting `backup.to`]
        #[arg(long, value_name = "PLACE")]
        from: Option<String>,
        /// The vault whose keys are taken; its folder opens no more afterwards
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// Which backup [default: the newest]
        #[arg(long)]
        id: Option<String>,
        /// Print every person by the platform's name for them
        #[arg(long)]
        people: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Remove backups that no rule wants kept; the newest always stays
    Prune {
        /// [default: the setting `backup.to`]
        #[arg(long, value_name = "PLACE")]
        from: Option<String>,
        /// The last so many stay [default: the setting `backup.keep_last`, if neither is said]
        #[arg(long, value_name = "N")]
        keep_last: Option<u32>,
        /// Those of the last so many days stay
        #[arg(long, value_name = "N")]
        keep_days: Option<u32>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Create { to, full, region } => {
            let operation = Operation::BackupCreate { to: place(to)?, full, region };
            let Answer::Backup(made) = operate(settings, &operation)? else { return Err(other_version()) };
            output.result(&made, || vec![made_line(&made)]);
            Ok(())
        }
        Command::List { from } => {
            let operation = Operation::BackupList { from: place(from)? };
            let Answer::Backups(listed) = operate(settings, &operation)? else { return Err(other_version()) };
            output.result(&listed, || {
                let bad = listed.unreadable.iter().map(|name| format!("unreadable: {name}"));
                listed.backups.iter().map(line).chain(bad).collect()
            });
            Ok(())
        }
        Command::Verify { from, id, offline } => verify(place(from)?, id, offline, settings, output),
        Command::Restore { from, keys, id, people, yes } => {
            let from = location(from, settings)?;
            restore(&Restore { from, keys, id, people, yes }, settings, output)
        }
        Command::Prune { from, keep_last, keep_days, yes } => {
            output.confirm(yes, "Remove the backups that no rule wants kept?")?;
            let operation = Operation::BackupPrune { from: place(from)?, last: keep_last, days: keep_days };
            let Answer::BackupsPruned(gone) = operate(settings, &operation)? else {
                return Err(other_version());
            };
            output.result(&gone, || {
                let (removed, kept, segments) = (gone.removed.len(), gone.kept.len(), gone.segments);
                vec![format!("{removed} backups and {segments} segments removed, {kept} backups left")]
            });
            Ok(())
        }
    }
}

/// A folder as the service would have to name it, which runs elsewhere.
fn place(named: Option<String>) -> Result<Option<String>, CliError> {
    let absolute = |named: String| {
        if named.is_empty() || named.contains("://") {
            return Ok(named);
        }
        let path = std::path::absolute(&named).map_err(CliError::io("finding the place of", &named))?;
        path.into_os_string()
            .into_string()
            .map_err(|_| CliError::Usage("the name of the folder is no UTF-8 text".to_owned()))
    };
    named.map(absolute).transpose()
}

fn location(from: Option<String>, settings: &Settings) -> Result<String, CliError> {
    let from = place(from)?.or_else(|| settings.backup.to.clone());
    from.ok_or_else(|| CliError::Usage("no place is named: say --from, or set `backup.to`".to_owned()))
}

/// Carries it out with a bar that knows its end.
fn operate(settings: &Settings, operation: &Operation) -> Result<Answer, CliError> {
    let mut bar = Bar::default();
    folder::operate_with(settings, operation, &mut |what, number| bar.at(what, number))
}

#[derive(Default)]
struct Bar {
    total: u64,
    shown: Option<Progress>,
}

impl Bar {
    fn at(&mut self, what: &str, number: u64) {
        if what == TOTAL {
            self.total = number;
            return;
        }
        let total = self.total;
        self.shown.get_or_insert_with(|| Progress::bytes(Some(total))).at(what, number);
    }
}

fn other_version() -> CliError {
    CliError::Usage("the service answered something else; use the same version".to_owned())
}

fn made_line(made: &BackupView) -> String {
    format!(
        "{}: {} people, {} rows, {} bytes, of which {} were written now; read back and compared",
        made.id,
        made.people.unwrap_or_default(),
        made.rows.unwrap_or_default(),
        made.bytes.unwrap_or_default(),
        made.added.unwrap_or_default()
    )
}

fn line(backup: &BackupView) -> String {
    format!(
        "{}\t{}\tgeneration {}\t{} people\t{} bytes\t{}",
        backup.id,
        backup.finished.as_deref().unwrap_or(&backup.state),
        backup.generation.unwrap_or_default(),
        backup.people.unwrap_or_default(),
        backup.bytes.unwrap_or_default(),
        backup.says.as_deref().unwrap_or_default()
    )
}

fn verify(
    from: Option<String>,
    id: Option<String>,
    offline: bool,
    settings: &Settings,
    output: &Output,
) -> Result<(), CliError> {
    let found: BackupsVerified = if offline {
        let store = open_backup_store(&location(from, settings)?, &settings.backup.s3())?;
        let mut bar = Bar::default();
        verify_backups(&*store, id.as_deref(), &mut |at| {
            bar.at(TOTAL, at.total);
            bar.at(at.what, at.done);
        })?
        .into()
    } else {
        match operate(settings, &Operation::BackupVerify { from, id })? {
            Answer::BackupsVerified(found) => found,
            _ => return Err(other_version()),
        }
    };
    output.result(&found, || {
        let by =
            if found.by_keys { ", and who made them" } else { "; not who made them, which takes the keys" };
        let mut lines = vec![format!(
            "{} backups, {} segments, {} bytes: read and compared{by}",
            found.backups.len(),
            found.segments,
            found.bytes
        )];
        if found.unneeded > 0 {
            lines.push(format!(
                "{} segments of a backup that was broken off; the next one uses them",
                found.unneeded
            ));
        }
        lines.extend(found.faults.iter().map(|fault| format!("fault: {fault}")));
        lines
    });
    if found.faults.is_empty() { Ok(()) } else { Err(CliError::BadBackups(found.faults.len())) }
}

struct Restore {
    from: String,
    keys: PathBuf,
    id: Option<String>,
    people: bool,
    yes: bool,
}

fn restore(asked: &Restore, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Restore { from, keys, id, people, yes } = asked;
    let (data, old) = (settings.data.display(), keys.display());
    output.confirm(
        *yes,
        &format!("The vault moves from {old} to {data} under a new root, with the rows of a backup: its cell in {old} is wiped, nothing opens there any more, and what was written since the backup is lost."),
    )?;
    let options = folder::options(settings)?;
    let store = open_backup_store(from, &settings.backup.s3())?;
    let mut bar = Bar::default();
    let report = restore_backup(&*store, id.as_deref(), &settings.data, keys, &options, &mut |at| {
        bar.at(TOTAL, at.total);
        bar.at(at.what, at.done);
    })?;
    drop(bar);
    record(&settings.data, &options)?;
    output.result(&shown(&report, *people), || lines(&report, *people));
    Ok(())
}

fn record(data: &Path, options: &VaultOptions) -> Result<(), VaultError> {
    let vault = Vault::open(data, VaultOptions { cells: Vec::new(), ..options.clone() })?;
    let recorded = folder::record(&vault, "backup restore", AuditKind::Done, 200);
    vault.close()?;
    recorded
}

fn shown(report: &RestoreReport, people: bool) -> serde_json::Value {
    let mut value = json!({
        "backup": report.backup.as_ref().map(|backup| &backup.id),
        "to": report.to,
        "generation": report.generation,
        "rows": report.rows,
        "forgotten_rows": report.forgotten,
        "whole": report.count(RestoredState::Whole),
        "noise": report.count(RestoredState::Noise),
        "newer": report.count(RestoredState::Newer),
        "notes": report.notes,
    });
    if people {
        let each = report.people.iter().map(|person| {
            json!({
                "user": person.user, "handle": person.handle, "state": person.state.as_str(), "rows": person.rows,
                "forgotten_rows": person.forgotten,
            })
        });
        if let Some(members) = value.as_object_mut() {
            members.insert("people".to_owned(), each.collect());
        }
    }
    value
}

fn lines(report: &RestoreReport, people: bool) -> Vec<String> {
    let from = report.backup.as_ref().map_or("a backup, restored before", |backup| backup.id.as_str());
    let mut lines = vec![
        format!(
            "the vault is in {} now, at root generation {}; rows are from {from}",
            report.to.display(),
            report.generation
        ),
        format!(
            "{} people whole ({} rows, {} of them forgotten since: noise that the sweeper removes)",
            report.count(RestoredState::Whole),
            report.rows,
            report.forgotten
        ),
        format!(
            "{} people of the backup were erased since: noise, left out",
            report.count(RestoredState::Noise)
        ),
        format!(
            "{} people came after the backup: nothing of theirs is in it",
            report.count(RestoredState::Newer)
        ),
    ];
    if people {
        lines.extend(report.people.iter().map(|person| {
            let name = person.user.as_deref().unwrap_or(&person.handle);
            format!(
                "{}\t{name}\t{} rows\t{} forgotten since",
                person.state.as_str(),
                person.rows,
                person.forgotten
            )
        }));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines
}
