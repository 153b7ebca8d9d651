use std::fs;

use super::keys::distance;
use super::*;

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, CliError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oubliette.toml");
    fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::from_parts(Some(&path), variables)
}

#[test]
fn variables_win_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\ndata = \"a\"\n[saves]\nmax_size = 5\ncompress = false\n";
    let settings =
        load(file, &[("OUBLIETTE_LISTEN", "127.0.0.1:2"), ("OUBLIETTE_SAVES_MAX_SIZE", "7")]).unwrap();
    assert_eq!((settings.listen.as_str(), settings.data.to_str()), ("127.0.0.1:2", Some("a")));
    assert_eq!((settings.saves.max_size, settings.saves.compress), (Some(7), Some(false)));
    assert_eq!(settings.url(), "http://127.0.0.1:2");
    assert_eq!(settings.token_file(), Path::new("a/dev.token"));
}

#[test]
fn unknown_keys_name_the_nearest() {
    let message = load("lisen = \"x\"", &[]).unwrap_err().to_string();
    assert!(message.contains("`lisen`") && message.contains("`listen`"), "{message}");
    let message = load("[saves]\nmax-size = 1", &[]).unwrap_err().to_string();
    assert!(message.contains("`saves.max_size`"), "{message}");
    let message = load("", &[("OUBLIETTE_LISTN", "x")]).unwrap_err().to_string();
    assert!(message.contains("OUBLIETTE_LISTEN"), "{message}");
    // What Kubernetes injects beside a service of this name.
    assert!(load("", &[("OUBLIETTE_SERVICE_HOST", "x"), ("OUBLIETTE_PORT", "x")]).is_ok());
    for variable in ["OUBLIETTE_RETENTION_SAVES_MINIMUM_DAYS", "OUBLIETTE_SAVES_GAMES_DOOM_KEEP_LAST"] {
        let message = load("", &[(variable, "30")]).unwrap_err().to_string();
        assert!(message.contains("oubliette.toml alone"), "{message}");
    }
}

#[test]
fn wrong_values_are_usage_errors() {
    for (file, variables) in [
        ("listen = 5", &[][..]),
        ("not toml", &[]),
        ("[limits]\nworkers = \"many\"", &[]),
        ("[limits]\nworkers = -1", &[]),
        ("cells = \"/disk/root.cell\"", &[]),
        ("cells = [1]", &[]),
        ("", &[("OUBLIETTE_INSECURE_PLAINTEXT", "yes")]),
        ("", &[("OUBLIETTE_LIMITS_QUEUE", "x")]),
    ] {
        assert!(matches!(load(file, variables), Err(CliError::Usage(_))), "{file} {variables:?}");
    }
    let message = load("[limits]\nworkers = -1", &[]).unwrap_err().to_string();
    assert!(message.contains("`limits.workers`"), "{message}");
    let missing = Settings::from_parts(Some(Path::new("/nonexistent/oubliette.toml")), Vec::new());
    assert!(matches!(missing, Err(CliError::Usage(_))));
}

#[test]
fn settings_of_conversations() {
    let of = |file: &str| load(file, &[]).and_then(|settings| settings.chat.options());
    assert_eq!(of("[chat]\ndefault_policy = \"either\"").unwrap().default_policy.as_str(), "either");
    assert_eq!(of("").unwrap().default_policy.as_str(), "author");
    let message = of("[chat]\ndefault_policy = \"both\"").unwrap_err().to_string();
    assert!(message.contains("`chat.default_policy`"), "{message}");
}

#[test]
fn cells_are_a_list() {
    let paths =
        |cells: Settings| cells.cells.iter().map(|cell| cell.display().to_string()).collect::<Vec<_>>();
    assert_eq!(paths(load("cells = [\"/a/x\", \"/b/x\"]", &[]).unwrap()), ["/a/x", "/b/x"]);
    let settings = load("cells = [\"/a/x\"]", &[("OUBLIETTE_CELLS", "/c/x:/d/x")]).unwrap();
    assert_eq!(paths(settings), ["/c/x", "/d/x"]);
    assert!(load("", &[]).unwrap().cells.is_empty());
}

#[test]
fn what_is_kept_may_be_said_by_game() {
    let file = "[saves]\nkeep_last = 5\n[saves.games.\"doom 1.9\"]\nkeep_last = 50\n[saves.games.nethack]\nkeep_days = 30\n";
    let settings = load(file, &[("OUBLIETTE_SAVES_KEEP_DAYS", "90")]).unwrap();
    assert_eq!((settings.saves.keep_last, settings.saves.keep_days), (Some(5), Some(90)));
    let game = |name: &str| settings.saves.games.get(name).map(|game| (game.keep_last, game.keep_days));
    assert_eq!((game("doom 1.9"), game("nethack")), (Some((Some(50), None)), Some((None, Some(30)))));
    for bad in ["keep_lst = 1", "keep_last = -1", "keep_last = \"all\""] {
        let loaded = load(&format!("[saves.games.doom]\n{bad}\n"), &[]);
        assert!(matches!(loaded, Err(CliError::Usage(_))), "{bad}");
    }
    let settings = load("[quota]\nsaves_bytes = 7\n", &[("OUBLIETTE_QUOTA_TOTAL_ITEMS", "9")]).unwrap();
    assert_eq!((settings.quota.saves_bytes, settings.quota.total_items), (Some(7), Some(9)));
}

#[test]
fn edit_distances() {
    for (a, b, edits) in
        [("", "", 0), ("", "ab", 2), ("listen", "lisen", 1), ("abc", "acb", 2), ("x", "y", 1)]
    {
        assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
    }
}
