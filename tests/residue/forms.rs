//! How a text might stand in a file.

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// As it is, in UTF-16 of both orders, in hexadecimal, and in base64 at each of its three alignments.
pub(crate) fn of(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut forms = vec![
        bytes.to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        HEXLOWER.encode(bytes).into_bytes(),
        HEXUPPER.encode(bytes).into_bytes(),
    ];
    for encoding in [BASE64, BASE64URL] {
        for skipped in 0..3 {
            // What comes before and after shares a character with the text; those in between are the text's alone.
            let whole = &bytes[skipped..];
            let whole = &whole[..whole.len() - whole.len() % 3];
            forms.push(encoding.encode(whole).into_bytes());
        }
    }
    forms
}

/// The first needle found. Needles of 16 bytes and more.
pub(crate) fn find(hay: &[u8], needles: &[Vec<u8>]) -> Option<usize> {
    let mut heads: std::collections::HashMap<[u8; 8], Vec<usize>> = Default::default();
    for (index, needle) in needles.iter().enumerate() {
        heads.entry(*needle.first_chunk().unwrap()).or_default().push(index);
    }
    hay.windows(8).enumerate().find_map(|(at, window)| {
        let candidates = heads.get::<[u8; 8]>(window.try_into().unwrap())?;
        candidates.iter().copied().find(|index| hay[at..].starts_with(&needles[*index]))
    })
}

#[test]
fn every_form_is_found() {
    let secret = "the quick brown fox jumps over it";
    let needles = of(secret);
    let utf16 = |bytes: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    assert!(find(&[b"ab", secret.as_bytes(), b"cd"].concat(), &needles).is_some());
    assert!(find(&utf16(u16::to_le_bytes), &needles).is_some());
    assert!(find(&utf16(u16::to_be_bytes), &needles).is_some());
    assert!(find(HEXLOWER.encode(secret.as_bytes()).as_bytes(), &needles).is_some());
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}{secret} and more");
        assert!(find(BASE64.encode(text.as_bytes()).as_bytes(), &needles).is_some(), "{before}");
    }
    assert!(find(b"the quick brown fox jumps over that", &needles).is_none());
}
