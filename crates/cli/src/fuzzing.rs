//! What the fuzz target calls (`fuzz/`), and what its corpus begins with. Not part of the crate's interface.
#![allow(missing_docs, reason = "run by tests and fuzzers alone")]

/// A target: its name, what it does with an input, and inputs made from true texts.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All of this crate.
pub const TARGETS: [Target; 3] = [
    ("config_file", crate::config::fuzz, config_seeds),
    ("import_mafile", crate::import::fuzz_mafile, mafile_seeds),
    ("import_vdf", crate::import::fuzz_vdf, vdf_seeds),
];

fn config_seeds() -> Vec<Vec<u8>> {
    [
        "listen = \"127.0.0.1:7411\"\ndata = \"vault\"\n[saves]\nmax_size = 5\ncompress = false\n",
        "url = \"http://127.0.0.1:1\"\n",
        "lisen = \"x\"\n",
        "[limits]\nworkers = -1\n",
        "",
        "region = \"eu\"\n[records.orders]\nconsent = \"shop\"\ncontent_types = [\"image/png\"]\n[retention.chat]\nmaximum_days = 9\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// The encrypted one was made by tests/cli/import/make.py.
fn mafile_seeds() -> Vec<Vec<u8>> {
    let texts = [
        (
            0,
            r#"{"shared_secret":"SnQ6JDUrxmIa+ex1OfTMmw+r0l4=","serial_number":"7","revocation_code":"hunter2","account_name":"ann",
"device_id":"android:0","Session":{"SteamID":76561197960287930,"AccessToken":null,"RefreshToken":"hunter2"}}"#,
        ),
        (
            0,
            r#"{"account_name":"ann","steam_id":1,"tokens":{"access_token":"hunter2","refresh_token":"hunter2"}}"#,
        ),
        (0, r#"{"response":{"shared_secret":"hunter2","account_name":"ann"}}"#),
        (0, r#"{"shared_secret":["hunter2"]}"#),
        (
            1,
            r#"{"encrypted":true,"entries":[{"encryption_iv":"hunter2","encryption_salt":null,"filename":"1.maFile","steamid":1}]}"#,
        ),
        (
            2,
            r#"{"filename":"","encryption_iv":"AAAAAAAAAAAAAAAAAAAAAA==","encryption_salt":"AAAAAAAAAAA="}
nnbhgxZsKc72uP2CrIDywNJ9AO5WOmFcQzrCoEMyw2ZgDm/yN9BwAoDAplEpnftUucsX6UerP1DlSlXbhEgXqw=="#,
        ),
    ];
    texts.map(|(what, text)| [&[what], text.as_bytes()].concat()).to_vec()
}

fn vdf_seeds() -> Vec<Vec<u8>> {
    [
        "\"users\"\n{\n\t\"76561197960287930\"\n\t{\n\t\t\"AccountName\"\t\t\"hunter2\"\n\t\t\"MostRecent\"\t\"1\"\n\t}\n}\n",
        "// hunter2\n\"InstallConfigStore\" { \"Software\" { \"valve\" { \"Steam\" { \"Accounts\" { \"ann\" { \"SteamID\" \"1\" } } \
         \"ConnectCache\" { \"c0ffee1\" \"hunter2\" } } } } \"Authentication\" { \"RememberedMachineID\" { \"ann\" \"hunter2\" } } }",
        "\"MachineUserConfigStore\" { \"Software\" { \"Valve\" { \"Steam\" { \"ConnectCache\" { \"1\" \"hunter2\" } } } } }",
        "#base \"x\\\"\n\"users\" { \"a\\\"\" { } }",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
