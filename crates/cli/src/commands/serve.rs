//! `oubliette serve`

use std::{
    fs,
    io::IsTerminal,
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    sync::Arc,
    time::Duration,
};

use oubliette_service::{Config, ServeError, Server, Tokens, check_address};
use oubliette_store::Vault;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{config::Settings, error::CliError, folder, output::Output};

/// How long an answer may take that is on its way when the service has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen [default: 127.0.0.1:7411]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Listen beyond loopback without TLS: tokens and content then travel in the clear
    #[arg(long)]
    insecure_plaintext: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    // sled's own errors come back as errors of the engine, which tries one on purpose at each start.
    let filter = std::env::var("OUBLIETTE_LOG").unwrap_or_else(|_| "info,sled=off".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|_| CliError::Usage("OUBLIETTE_LOG must be a filter such as info or debug".to_owned()))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();

    let address = address(arguments.listen.as_deref().unwrap_or(&settings.listen))?;
    let insecure = arguments.insecure_plaintext || settings.insecure_plaintext;
    check_address(address, insecure)?;
    let vault = open_or_create(settings)?;
    let served = serve(&vault, settings, output, address, insecure);
    // Idempotent: whatever ended the service, the folder is marked as cleanly closed if it can be.
    let closed = vault.close();
    served?;
    closed?;
    Ok(())
}

fn serve(
    vault: &Vault,
    settings: &Settings,
    output: &Output,
    address: SocketAddr,
    insecure: bool,
) -> Result<(), CliError> {
    let tokens = Arc::new(Tokens::open(&settings.data));
    let dev_token = tokens.ensure_dev_token()?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::io("starting threads", &settings.data))?;
    let ended = runtime.block_on(async {
        let server = Server::bind(vault.clone(), tokens, config(settings), address, insecure)
            .await?
            .with_admin_socket(&settings.data)?;
        let address = server.address().map_err(|source| ServeError::Listen { address, source })?;
        let stop = stop_signal().map_err(CliError::io("listening for signals", &settings.data))?;
        announce(output, vault, address, settings, dev_token.as_deref());
        Ok(server.run(stop).await?)
    });
    // The vault is closed: an operator's long command (`backup verify`, say) that is still at work must not keep a service from ending that failed or was
    // told to stop.
    runtime.shutdown_timeout(LAST_WORDS);
    ended
}

fn config(settings: &Settings) -> Config {
    let default = Config::default();
    let limits = &settings.limits;
    Config {
        workers: limits.workers.unwrap_or(default.workers).max(1),
        queue: limits.queue.unwrap_or(default.queue),
        uploads: limits.uploads.unwrap_or(default.uploads).max(1),
        connections: limits.connections.unwrap_or(default.connections).max(1),
        max_save: settings.saves.max_size.unwrap_or(default.max_save),
        require_precondition: settings.saves.require_precondition,
        ..default
    }
}

fn address(listen: &str) -> Result<SocketAddr, CliError> {
    let found = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| CliError::Usage(format!("{listen} is no address; write it as 127.0.0.1:7411")))
}

/// Only a folder that is missing or empty becomes a new vault: one that lost a file must not be taken for fresh.
fn open_or_create(settings: &Settings) -> Result<Vault, CliError> {
    let fresh = match fs::read_dir(&settings.data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(CliError::io("reading the vault's folder", &settings.data)(error)),
    };
    let options = folder::options(settings)?;
    Ok(if fresh { Vault::create(&settings.data, options)? } else { Vault::open(&settings.data, options)? })
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn announce(
    output: &Output,
    vault: &Vault,
    address: SocketAddr,
    settings: &Settings,
    dev_token: Option<&Path>,
) {
    let data = settings.data.display().to_string();
    let token = dev_token.map(|path| path.display().to_string());
    let (class, cells) = (vault.cell_class(), vault.cells());
    let paths: Vec<&str> = cells.iter().map(|cell| cell.path.as_str()).collect();
    let value = json!({
        "url": format!("http://{address}"), "data": data, "token_file": token, "cells": paths, "erasure_class": class,
    });
    output.result(&value, || {
        let mut lines = vec![format!(
            "Serving the vault in {data} at http://{address} (browse the routes at http://{address}/docs)"
        )];
        let split =
            if cells.len() == 1 { String::new() } else { format!(", split over {} cells", cells.len()) };
        lines.push(format!(
            "Root secret: {}{split}; erasure class {class} (`oubliette doctor` says why)",
            paths.join(", ")
        ));
        let Some(token) = token else {
            lines.push("Make a token with `oubliette token create`.".to_owned());
            return lines;
        };
        let curl = format!("curl -sS -H \"Authorization: Bearer $(cat '{token}')\"");
        let user = format!("http://{address}/v1/subjects/alice");
        lines.extend([
            format!("Token with every scope: {token}"),
            "Try:".to_owned(),
            format!("  {curl} -X PUT {user} --json '{{}}'"),
            format!("  {curl} -X PUT {user}/saves/chess/slot-1 -H 'Content-Type: text/plain' -d 'e2e4'"),
            format!("  {curl} {user}/saves/chess/slot-1"),
        ]);
        lines
    });
}
