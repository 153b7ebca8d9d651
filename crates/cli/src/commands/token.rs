//! `oubliette token`: makes, lists and revokes bearer tokens in the vault's folder; a running service sees it at once.

use oubliette_service::{
    Tokens, admin,
    operator::{Answer, Command as Operation, TokenCommand, change_tokens},
    tokens::{RegisteredKey, Scope, TokenInfo, new_token},
};
use oubliette_store::{Clock, QuietAudit, SystemClock, VaultError};
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token; it is shown this once
    Create {
        /// Its name, unique in the vault
        #[arg(long)]
        name: String,
        /// What it may do, such as saves:write; can be repeated
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// When it ends: a number and s, m, h, d or w [default: never]
        #[arg(long, value_name = "90d", value_parser = duration)]
        expires: Option<u64>,
        /// A public key that secrets may be released to with this token (see `credential keygen`); can be repeated
        #[arg(long = "release-key", value_name = "[NAME=]KEY")]
        release_keys: Vec<RegisteredKey>,
    },
    /// Names, scopes and times; never the tokens
    List,
    /// Take a token back
    Revoke {
        /// Its name
        name: String,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    if !settings.data.join("vault.json").exists() {
        return Err(CliError::Usage(format!(
            "there is no vault in {}; name its folder with --data, or make one with `oubliette serve`",
            settings.data.display()
        )));
    }
    match command {
        Command::Create { name, scopes, expires, release_keys } => {
            let expires = expires.map(|seconds| now().saturating_add(seconds.saturating_mul(1_000_000)));
            let (secret, token) = new_token(&name, &scopes, expires, release_keys)?;
            let info = change(settings, TokenCommand::Create { token })?;
            let value = json!({ "token": secret.reveal(), "info": info });
            output.result(&value, || vec![secret.reveal().to_owned()]);
        }
        Command::List => {
            let listed = Tokens::open(&settings.data).list()?;
            output.result(&json!({ "tokens": listed }), || listed.iter().map(line).collect());
        }
        Command::Revoke { name } => {
            change(settings, TokenCommand::Revoke { name: name.clone() })?;
            output.result(&json!({ "revoked": name }), || vec![format!("revoked {name}")]);
        }
    }
    Ok(())
}

/// Here, without opening the vault, or by the service that holds the folder: either way it is recorded.
fn change(settings: &Settings, command: TokenCommand) -> Result<TokenInfo, CliError> {
    match QuietAudit::open(&settings.data) {
        Ok(alone) => Ok(change_tokens(alone, &Tokens::open(&settings.data), &command)?),
        Err(VaultError::InUse { .. }) => {
            let command = Operation::Token { token: command };
            match admin::call(&settings.data, &command, &mut |_, _| ())? {
                Answer::Token(token) => Ok(*token),
                _ => Err(CliError::Usage(
                    "the service answered something else; use the same version".to_owned(),
                )),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn line(token: &TokenInfo) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = match token.expires {
        Some(expires) if expires <= now() => " (expired)",
        Some(_) => " (expires)",
        None => "",
    };
    let keys = token.release_keys.iter().map(|key| format!("; releases to {} ({})", key.name(), key.id()));
    format!("{}{state}: {}{}", token.name, scopes.join(" "), keys.collect::<String>())
}

fn now() -> u64 {
    SystemClock.now_micros()
}

/// A hundred years.
const LONGEST: u64 = 36_500 * 86_400;

/// `90d` in seconds.
fn duration(text: &str) -> Result<u64, String> {
    let bad = || "write a number and one of s, m, h, d, w, such as 90d".to_owned();
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(bad()),
    };
    let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| bad())?;
    let asked = number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(bad)?;
    // Past the calendar's end an expiry could not be written down, and would read as one long past.
    if asked > LONGEST {
        Err("at most 36500d; leave --expires out for a token that never ends".to_owned())
    } else {
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        assert_eq!(duration("90d"), Ok(90 * 86_400));
        assert_eq!(duration("2w"), Ok(14 * 86_400));
        assert_eq!(duration("30s"), Ok(30));
        for bad in [
            "",
            "d",
            "90",
            "-1d",
            "1y",
            "0d",
            "1.5h",
            "99999999999999999999d",
            "99999999999999999w",
            "99999999999999d",
            "36501d",
            "9é",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
