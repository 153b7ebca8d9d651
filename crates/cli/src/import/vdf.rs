//! Steam's login files, in Valve's text format: `loginusers.vdf` and `config.vdf`.
//!
//! They know which accounts signed in here, their ids, and the machine's token for each. The sign-in itself, which `config.vdf` and
//! `local.vdf` may remember, is sealed to the user of that machine and is worth nothing elsewhere.

use keyvalues_parser::{Obj, Value};
use oubliette_client::SteamSecrets;

use super::{Bad, Parsed};

/// Steam's files have less than ten.
const MAX_DEPTH: usize = 64;

/// Reads one file.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, Bad> {
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
    if depth(text) > MAX_DEPTH {
        return Err(format!("is nested deeper than {MAX_DEPTH} times"));
    }
    // The parser's own message would quote the line.
    let file = keyvalues_parser::parse(text)
        .map_err(|_| "is no file of Valve's text format, or damaged".to_owned())?;
    let Value::Obj(root) = &file.value else { return Err("holds no accounts".to_owned()) };
    let mut parsed = match file.key.to_ascii_lowercase().as_str() {
        "users" => login_users(root),
        "installconfigstore" => config(root),
        "machineuserconfigstore" => Parsed { accounts: Vec::new(), left_out: left_out(root) },
        _ => return Err("is neither loginusers.vdf nor config.vdf of Steam".to_owned()),
    };
    if parsed.accounts.is_empty() && parsed.left_out.is_none() {
        return Err("holds no accounts".to_owned());
    }
    parsed.accounts.retain(|(account, _)| !account.is_empty());
    Ok(parsed)
}

/// `"users" { "<steam id>" { "AccountName" "..." ... } ... }`
fn login_users(root: &Obj<'_>) -> Parsed {
    let accounts = root.iter().filter_map(|(id, values)| {
        let account = text(values.iter().find_map(Value::get_obj)?, "AccountName")?;
        let mut secrets = SteamSecrets::default();
        secrets.steam_id = Some(id.to_string());
        Some((account.to_owned(), secrets))
    });
    Parsed { accounts: accounts.collect(), left_out: None }
}

/// `Software/Valve/Steam/Accounts/<account>/SteamID`, and `Authentication/RememberedMachineID/<account>`, the machine's token.
fn config(root: &Obj<'_>) -> Parsed {
    let steam = steam(root);
    let mut accounts: Vec<(String, SteamSecrets)> = Vec::new();
    for (account, values) in
        steam.and_then(|steam| object(steam, "Accounts")).into_iter().flat_map(|all| all.iter())
    {
        let id = values.iter().find_map(Value::get_obj).and_then(|account| text(account, "SteamID"));
        let mut secrets = SteamSecrets::default();
        secrets.steam_id = id.map(str::to_owned);
        accounts.push((account.to_string(), secrets));
    }
    let places = [Some(root), steam].into_iter().flatten();
    for machine in places.filter_map(|at| object(object(at, "Authentication")?, "RememberedMachineID")) {
        for (account, values) in machine.iter() {
            let Some(token) = values.iter().find_map(Value::get_str).filter(|token| !token.is_empty()) else {
                continue;
            };
            match accounts.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(account)) {
                Some((_, secrets)) => secrets.guard_data = Some(token.to_owned()),
                None => {
                    let mut secrets = SteamSecrets::default();
                    secrets.guard_data = Some(token.to_owned());
                    accounts.push((account.to_string(), secrets));
                }
            }
        }
    }
    // An account without anything to it is a name alone.
    accounts.retain(|(_, secrets)| secrets.steam_id.is_some() || secrets.guard_data.is_some());
    Parsed { accounts, left_out: left_out(root) }
}

/// Remembered sign-ins.
fn left_out(root: &Obj<'_>) -> Option<&'static str> {
    let cache = steam(root).and_then(|steam| object(steam, "ConnectCache"))?;
    (cache.iter().count() > 0)
        .then_some("the sign-ins that it remembers are sealed to the machine it comes from and were left out")
}

fn steam<'a>(root: &'a Obj<'a>) -> Option<&'a Obj<'a>> {
    object(object(object(root, "Software")?, "Valve")?, "Steam")
}

/// Valve's keys know no upper case.
fn values<'a>(of: &'a Obj<'a>, key: &str) -> impl Iterator<Item = &'a Value<'a>> {
    of.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(key)).flat_map(|(_, values)| values)
}

fn object<'a>(of: &'a Obj<'a>, key: &str) -> Option<&'a Obj<'a>> {
    values(of, key).find_map(Value::get_obj)
}

fn text<'a>(of: &'a Obj<'a>, key: &str) -> Option<&'a str> {
    values(of, key).find_map(Value::get_str).filter(|text| !text.is_empty())
}

/// How deep braces nest, as the parser will see them: it, and the drop of what it made, go down once for each. A quoted text may hold braces,
/// a comment may hold quotes.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let token = match first {
            b'"' => quoted(after),
            b'/' if after.first() == Some(&b'/') => {
                rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
            }
            // Includes another file, in quotes of other rules; login files have none.
            b'#' => return usize::MAX,
            b'{' | b'}' | b' ' | b'\t' | b'\r' | b'\n' => 1,
            _ => rest.iter().position(|byte| b"\"{} \t\r\n".contains(byte)).unwrap_or(rest.len()),
        };
        depth = match first {
            b'{' => depth + 1,
            b'}' => depth.saturating_sub(1),
            _ => depth,
        };
        deepest = deepest.max(depth);
        rest = rest.get(token..).unwrap_or_default();
    }
    deepest
}

/// Length of a quoted text behind its first quote, with both quotes.
fn quoted(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1) + 1
}

/// See `crate::fuzzing`. Input: a file's text. What is refused is not quoted: a secret stands in every text of the seeds.
pub(crate) fn fuzz(input: &[u8]) {
    match parse(input) {
        Ok(Parsed { accounts, .. }) => assert!(accounts.iter().all(|(name, _)| !name.is_empty())),
        Err(told) => assert!(!told.contains("hunter2"), "{told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Bad {
        parse(text.as_bytes()).err().unwrap()
    }

    #[test]
    fn depth_is_bounded_whatever_stands_in_quotes() {
        assert_eq!(depth(r#""a" { "b{{{" "c\"{" d//{ { } }"#), 3);
        assert_eq!(depth("// \" }}}\n\"a\" { \"b\\\\\" { \"\\\"{\" } }"), 2);
        assert_eq!(depth("#base \"\\\" {"), usize::MAX);
        for deep in [65, 100_000] {
            let text = format!("\"users\" {}{}", "{ \"a\" ".repeat(deep), "}".repeat(deep));
            assert!(told(&text).contains("nested deeper"));
            assert!(told(&format!("// \"\n\"users\" {}", "{ \"a\" ".repeat(deep))).contains("nested deeper"));
        }
    }

    #[test]
    fn what_is_no_login_file_is_told() {
        assert!(told("\"UserLocalConfigStore\" { \"a\" \"hunter2\" }").contains("neither"));
        assert!(told("\"users\" { }").contains("no accounts"));
        assert!(told("\"users\" \"hunter2\"").contains("no accounts"));
        assert!(told("\"users\" { \"hunter2\"").contains("damaged"));
        assert!(parse(b"\"users\" { \"\xff\" }").is_err());
    }
}
