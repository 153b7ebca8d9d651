//! One module per command.

mod backup;
mod bench;
mod chat;
mod credential;
mod deletion;
mod doctor;
mod drill;
mod escrow;
mod export;
mod fsck;
mod hold;
mod incident;
mod log;
mod move_vault;
pub(crate) mod prove;
mod receipt;
mod record;
mod request;
mod save;
mod serve;
mod status;
mod subject;
mod token;
mod tour;
mod verify_engine;
mod witness;

use std::fs;

use clap::Subcommand;
use oubliette_client::{Client, ClientError};

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a vault over HTTP; the first start makes one
    Serve(serve::Arguments),
    /// Counts, sizes and what is wrong
    Status,
    /// What this machine does with bytes that must be forgotten, and what to do about it; exit code 1 if anything is bad
    Doctor(doctor::Arguments),
    /// Move the vault to another folder or disk, under a new root; the old folder opens no more
    Move(move_vault::Arguments),
    /// Backups: copies of what is sealed, without any key
    #[command(subcommand)]
    Backup(backup::Command),
    /// Bearer tokens of the vault
    #[command(subcommand)]
    Token(token::Command),
    /// People
    #[command(subcommand)]
    Subject(subject::Command),
    /// Game saves, through the service
    #[command(subcommand)]
    Save(save::Command),
    /// Chats, through the service
    #[command(subcommand)]
    Chat(chat::Command),
    /// Platform credentials, through the service
    #[command(subcommand)]
    Credential(credential::Command),
    /// Deletions of people: ask, watch, take back, approve, carry out
    #[command(subcommand)]
    Deletion(deletion::Command),
    /// Legal holds, through the service
    #[command(subcommand)]
    Hold(hold::Command),
    /// Records of the purposes that the settings name, through the service
    #[command(subcommand)]
    Record(record::Command),
    /// What people ask for under their rights, and by when it is due; through the service
    #[command(subcommand)]
    Request(request::Command),
    /// Read and authenticate everything; exit code 5 if anything is wrong
    Fsck(fsck::Arguments),
    /// Try the vault's present secrets on old copies of it: everybody who lives must open, nobody who was erased may; exit code 5 if
    /// one does
    Prove(prove::Arguments),
    /// Receipts of deletions
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// The audit log, and the log of deletions
    #[command(subcommand)]
    Log(log::Command),
    /// A second machine that watches the log of deletions
    #[command(subcommand)]
    Witness(witness::Command),
    /// A way back from the loss of all keys: a root that holders can open for a while
    #[command(subcommand)]
    Escrow(escrow::Command),
    /// What happens on the worst days, tried on content of its own; exit code 1 if a claim does not hold
    Drill(drill::Arguments),
    /// What an incident touched
    #[command(subcommand)]
    Incident(incident::Command),
    /// The whole story on sample data, in a temporary folder: store, steal, erase, restore, check
    Tour,
    /// The vault against the bare machine, as ratios
    Bench(bench::Arguments),
    /// Look at a row engine's data folder (run by this program in a child process)
    #[command(hide = true)]
    VerifyEngine(verify_engine::Arguments),
    /// Work in a vault and say what memory that took (run by `bench` in a child process)
    #[command(hide = true)]
    BenchMemory(crate::bench::memory::Arguments),
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Serve(arguments) => serve::run(arguments, settings, output),
        Command::Status => status::run(settings, output),
        Command::Doctor(arguments) => doctor::run(arguments, settings, output),
        Command::Move(arguments) => move_vault::run(arguments, settings, output),
        Command::Backup(command) => backup::run(command, settings, output),
        Command::Token(command) => token::run(command, settings, output),
        Command::Subject(command) => subject::run(command, settings, output),
        Command::Save(command) => save::run(command, settings, output),
        Command::Chat(command) => chat::run(command, settings, output),
        Command::Credential(command) => credential::run(command, settings, output),
        Command::Deletion(command) => deletion::run(command, settings, output),
        Command::Hold(command) => hold::run(command, settings, output),
        Command::Record(command) => record::run(command, settings, output),
        Command::Request(command) => request::run(command, settings, output),
        Command::Fsck(arguments) => fsck::run(arguments, settings, output),
        Command::Prove(arguments) => prove::run(arguments, settings, output),
        Command::Receipt(command) => receipt::run(command, settings, output),
        Command::Log(command) => log::run(command, settings, output),
        Command::Witness(command) => witness::run(command, settings, output),
        Command::Escrow(command) => escrow::run(command, settings, output),
        Command::Drill(arguments) => drill::run(&arguments, settings, output),
        Command::Incident(command) => incident::run(command, settings, output),
        Command::Tour => tour::run(settings, output),
        Command::Bench(arguments) => bench::run(arguments, output),
        Command::VerifyEngine(arguments) => verify_engine::run(arguments),
        Command::BenchMemory(arguments) => bench::memory(&arguments, output),
    }
}

/// A client with the settings' URL and token.
fn client(settings: &Settings) -> Result<Client, CliError> {
    let path = settings.token_file();
    let token =
        fs::read_to_string(&path).map_err(CliError::io("reading the token (see --token-file)", &path))?;
    Client::new(&settings.url(), &token).map_err(|error| match error {
        ClientError::Setup(message) => CliError::Usage(message.to_owned()),
        error => error.into(),
    })
}
