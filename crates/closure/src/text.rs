//! Keys that somebody wrote down as text: in hexadecimal, in base64, or as a list of numbers, which is how bytes are printed by default.

use std::collections::HashSet;

use crate::Key;

/// Everything in a text that may be a key.
pub fn keys(text: &[u8]) -> HashSet<Key> {
    let mut keys = HashSet::new();
    for run in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= 64) {
        keys.extend(run.windows(64).filter_map(from_hex));
    }
    for run in text.split(|byte| !(byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))) {
        // 32 bytes are 43 digits, and one sign of padding that may be left out.
        if run.len() == 43 {
            let run: Vec<u8> = run
                .iter()
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                })
                .collect();
            let key = data_encoding::BASE64_NOPAD.decode(&run).ok();
            keys.extend(key.and_then(|key| Key::try_from(key).ok()));
        }
    }
    let lists = text.split(|byte| !matches!(byte, b'0'..=b'9' | b',' | b' '));
    // 32 numbers and what stands between them.
    for list in lists.filter(|list| list.len() >= 63) {
        let numbers = list.split(|byte| *byte == b',').map(|number| {
            std::str::from_utf8(number.trim_ascii()).ok().and_then(|number| number.parse::<u8>().ok())
        });
        let numbers: Vec<Option<u8>> = numbers.collect();
        let whole = numbers.windows(32).filter_map(|part| part.iter().copied().collect::<Option<Vec<u8>>>());
        keys.extend(whole.filter_map(|part| Key::try_from(part).ok()));
    }
    keys
}

fn from_hex(digits: &[u8]) -> Option<Key> {
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_keys_are_found() {
        let key: Key = std::array::from_fn(|at| (at * 37 + 200) as u8);
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let (padded, url) = (data_encoding::BASE64.encode(&key), data_encoding::BASE64URL_NOPAD.encode(&key));
        for text in [
            format!("{key:?}"),
            format!("key={hex}."),
            format!("a{}b", hex.to_uppercase()),
            padded,
            format!("k:{url}\n"),
        ] {
            assert!(keys(text.as_bytes()).contains(&key), "{text}");
        }
        assert!(keys(b"2026-11-24T05:00:00Z one, 2, 3 [1, 2]").is_empty());
    }
}
