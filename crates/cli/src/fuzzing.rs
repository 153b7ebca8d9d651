//! What the fuzz target calls (`fuzz/`), and what its corpus begins with. Not part of the crate's interface.
#![allow(missing_docs, reason = "run by tests and fuzzers alone")]

/// A target: its name, what it does with an input, and inputs made from true texts.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All of this crate.
pub const TARGETS: [Target; 1] = [("config_file", crate::config::fuzz, seeds)];

fn seeds() -> Vec<Vec<u8>> {
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
