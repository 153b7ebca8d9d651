//! `oubliette save`

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use oubliette_client::{Client, Keep, SaveBody, SaveFacts, SaveOptions, SaveRead, ShareGiven};
use serde_json::json;

use crate::{
    config::Settings,
    error::CliError,
    output::{Output, Progress},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Store a file as the newest version of a slot
    Put {
        user: String,
        game: String,
        slot: String,
        /// The file; - is standard input
        file: PathBuf,
        /// Only over this version: its ETag, such as '"3-9f1c"'
        #[arg(long, value_name = "ETAG", conflicts_with = "only_new")]
        if_match: Option<String>,
        /// Only into a new slot
        #[arg(long)]
        only_new: bool,
        /// JSON to keep with it, at most 4 KiB
        #[arg(long, value_name = "JSON")]
        meta: Option<String>,
    },
    /// Read a save
    Get {
        user: String,
        game: String,
        slot: String,
        /// Write it here [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// This version, not the newest
        #[arg(long)]
        version: Option<u64>,
    },
    /// The person's slots
    List {
        user: String,
        /// Only of this game
        #[arg(long)]
        game: Option<String>,
    },
    /// A slot's versions, newest first
    Versions { user: String, game: String, slot: String },
    /// Let others continue from a slot's newest version
    Share {
        user: String,
        game: String,
        slot: String,
        /// Only these people; everybody if there are none
        #[arg(long = "with", value_name = "USER")]
        with: Vec<String>,
        /// Until then, as in 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// End a share
    Unshare { user: String, game: String, slot: String },
    /// Read the newest version of a slot that OWNER shares with FOLLOWER
    Follow {
        follower: String,
        owner: String,
        game: String,
        slot: String,
        /// Write it here [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say how many versions of a slot are kept, and for how long; without limits, what the game or the vault says stands again
    Keep {
        user: String,
        game: String,
        slot: String,
        /// At most so many versions
        #[arg(long, value_name = "N")]
        last: Option<u32>,
        /// A version for so many days after a newer one came
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Forget a slot with all its versions, or one version
    Rm {
        user: String,
        game: String,
        slot: String,
        /// Only this version
        #[arg(long)]
        version: Option<u64>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let client = super::client(settings)?;
    match command {
        Command::Put { user, game, slot, file, if_match, only_new, meta } => {
            let (mut content, length) = open(&file)?;
            let options = SaveOptions { if_match, only_new, meta, length, content_type: None };
            let mut content = Watched {
                inner: &mut content,
                done: 0,
                progress: Progress::bytes(length),
                what: "bytes sent",
            };
            let stored = client.put_save(&user, &game, &slot, &mut content, &options)?;
            drop(content);
            let value = json!({
                "version": stored.version, "etag": stored.etag, "size": stored.size, "created": stored.created,
            });
            output.result(&value, || {
                vec![format!("version {}, {} bytes, ETag {}", stored.version, stored.size, stored.etag)]
            });
        }
        Command::Get { user, game, slot, out, version } => {
            let read = SaveRead { version, ..SaveRead::default() };
            receive(client.save(&user, &game, &slot, &read)?, out.as_deref())?;
        }
        Command::Follow { follower, owner, game, slot, out } => {
            let body = client.follow(&follower, &owner, &game, &slot, &SaveRead::default())?;
            receive(body, out.as_deref())?;
        }
        Command::Versions { user, game, slot } => versions(&client, &user, &game, &slot, output)?,
        Command::Share { user, game, slot, with, expires } => {
            let (audience, users) = match with.is_empty() {
                true => ("everyone".to_owned(), None),
                false => ("users".to_owned(), Some(with)),
            };
            let share = client.share_save(&user, &game, &slot, &ShareGiven { audience, users, expires })?;
            output.result(&json!(share), || {
                let whom = share.users.as_ref().map_or("everyone".to_owned(), |users| users.join(", "));
                let until = share.expires.as_ref().map_or(String::new(), |at| format!(" until {at}"));
                let hidden = if share.open { "" } else { "; hidden: follow play is switched off" };
                vec![format!("shared with {whom}{until}{hidden}")]
            });
        }
        Command::Unshare { user, game, slot } => {
            client.unshare_save(&user, &game, &slot)?;
            output.result(&json!({ "state": "erased" }), || vec!["no longer shared".to_owned()]);
        }
        Command::Keep { user, game, slot, last, days, yes } => {
            output.confirm(yes, "Forget what is too many or too old, now and from now on?")?;
            let keep = Keep { keep_last: last, keep_days: days };
            let kept = client.keep_saves(&user, &game, &slot, &keep)?;
            output.result(&json!(kept), || vec![describe(kept.stands)]);
        }
        Command::List { user, game } => {
            let mut slots = Vec::new();
            let mut cursor = None;
            loop {
                let page = client.saves(&user, game.as_deref(), cursor.as_deref())?;
                slots.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            output.result(&json!({ "saves": slots }), || {
                slots
                    .iter()
                    .map(|slot| {
                        let (game, name) = (&slot.game, &slot.slot);
                        format!(
                            "{game}\t{name}\tversion {}\t{} bytes\t{}\t{} kept",
                            slot.version, slot.size, slot.created, slot.versions
                        )
                    })
                    .collect()
            });
        }
        Command::Rm { user, game, slot, version, yes } => {
            output.confirm(yes, "Forget this save in every copy?")?;
            let state = client.forget_save(&user, &game, &slot, version)?.as_str();
            output.result(&json!({ "state": state }), || vec![state.to_owned()]);
        }
    }
    Ok(())
}

fn versions(client: &Client, user: &str, game: &str, slot: &str, output: &Output) -> Result<(), CliError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.versions(user, game, slot, cursor.as_deref())?;
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    output.result(&json!({ "versions": all }), || {
        let line = |version: &SaveFacts| {
            let device = version.device.as_deref().unwrap_or("-");
            format!(
                "{}\t{} bytes\t{}\t{device}\t{}",
                version.version, version.size, version.created, version.etag
            )
        };
        all.iter().map(line).collect()
    });
    Ok(())
}

fn describe(keep: Keep) -> String {
    match (keep.keep_last, keep.keep_days) {
        (None, None) => "every version is kept".to_owned(),
        (Some(last), None) => format!("the newest {last} are kept"),
        (None, Some(days)) => format!("a version is kept for {days} days after a newer one came"),
        (Some(last), Some(days)) => {
            format!("the newest {last} are kept, each for {days} days after a newer one came")
        }
    }
}

fn receive(body: Option<SaveBody>, out: Option<&Path>) -> Result<(), CliError> {
    let Some(mut body) = body else { return Ok(()) };
    let length = body.length;
    let mut body = Watched {
        inner: &mut body,
        done: 0,
        progress: Progress::bytes(Some(length)),
        what: "bytes received",
    };
    write(&mut body, out)
}

pub(super) fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), CliError> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(CliError::io("opening the file", path))?;
    let meta = file.metadata().map_err(CliError::io("opening the file", path))?;
    let length = meta.is_file().then_some(meta.len());
    Ok((Box::new(file), length))
}

/// Writes to a file beside the target first: a broken transfer never replaces a good file.
pub(super) fn write(body: &mut dyn Read, out: Option<&Path>) -> Result<(), CliError> {
    let Some(out) = out else {
        let mut stdout = io::stdout().lock();
        return io::copy(body, &mut stdout)
            .and_then(|_| stdout.flush())
            .map_err(CliError::io("receiving the content", "standard output"));
    };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(CliError::io("making a file in", folder))?;
    io::copy(body, &mut file).map_err(CliError::io("receiving the content into", out))?;
    file.persist(out).map_err(|error| CliError::io("putting the content into", out)(error.error))?;
    Ok(())
}

/// Shows progress while it is read.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    done: u64,
    progress: Progress,
    what: &'static str,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        self.done += n as u64;
        self.progress.at(self.what, self.done);
        Ok(n)
    }
}
