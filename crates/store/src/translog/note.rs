//! Signed notes (C2SP signed-note) with Ed25519, and the cosignatures of witnesses (C2SP tlog-cosignature, `cosignature/v1`).

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use oubliette_crypto::SigningSeed;
use oubliette_crypto::sign::verify_signature;
use sha2::{Digest, Sha256};

use super::LogError;
use super::checkpoint::base64;

/// Longest note that is read: a checkpoint, a receipt, and many signatures.
pub const MAX_NOTE: usize = 64 << 10;
const MAX_SIGNATURES: usize = 32;
/// An em dash and a space.
const MARK: &str = "\u{2014} ";

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The note's text: a log, a vault.
    Note,
    /// That it saw a checkpoint at a time, and nothing that contradicts it: a witness.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A public key by name, as `name+8 hex digits+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// A key under a name, which must not be empty nor hold spaces, control characters or `+`.
    ///
    /// # Errors
    /// [`LogError::Malformed`] for another name.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, LogError> {
        if !is_name(name) {
            return Err(LogError::Malformed("the name of a key"));
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let bad = LogError::Malformed("a verifier key");
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad);
        };
        let data = base64(data).ok_or(LogError::Malformed("a verifier key"))?;
        let kind = match data.first() {
            Some(1) => KeyKind::Note,
            Some(4) => KeyKind::Cosignature,
            _ => return Err(bad),
        };
        let public = data.get(1..).and_then(|key| key.try_into().ok());
        let key = Self::new(name, kind, public.ok_or(LogError::Malformed("a verifier key"))?)?;
        if HEXLOWER.encode(&key.id()) == id { Ok(key) } else { Err(bad) }
    }

    /// Who signs with it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.public)
            .finalize();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = [&[self.kind.byte()], self.public.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&data))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// One line below a note's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.bytes].concat();
        writeln!(f, "{MARK}{} {}", self.name, BASE64.encode(&bytes))
    }
}

/// A text and its signatures, none of which was verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text, which must end in a line feed.
    ///
    /// # Errors
    /// [`LogError::Malformed`] if it does not, or holds other control characters.
    pub fn sign(text: String, name: &str, seed: &SigningSeed) -> Result<Self, LogError> {
        if !is_text(&text) {
            return Err(LogError::Malformed("a note"));
        }
        let key = VerifierKey::new(name, KeyKind::Note, seed.public())?;
        let bytes = seed.sign(text.as_bytes()).to_vec();
        let signature = NoteSignature { name: key.name.clone(), id: key.id(), bytes };
        Ok(Self { text, signatures: vec![signature] })
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, LogError> {
        let bad = LogError::Malformed("a signed note");
        if note.len() > MAX_NOTE {
            return Err(bad);
        }
        let Some(end) = note.rfind("\n\n") else { return Err(bad) };
        let (text, signatures) = (note.get(..=end), note.get(end + 2..));
        let (Some(text), Some(lines)) = (text.filter(|text| is_text(text)), signatures) else {
            return Err(bad);
        };
        let lines = lines.strip_suffix('\n').ok_or(LogError::Malformed("a signed note"))?;
        let signatures = lines.split('\n').map(signature).collect::<Option<Vec<_>>>();
        let signatures = signatures.filter(|all| all.len() <= MAX_SIGNATURES).ok_or(bad)?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// What was signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks the signature of this key; of a witness's answers the time of it, in seconds since 1970, else 0.
    ///
    /// # Errors
    /// [`LogError::Unsigned`] if there is none of this key, [`LogError::Forged`] if one of them does not verify.
    pub fn verify(&self, key: &VerifierKey) -> Result<u64, LogError> {
        let id = key.id();
        let mut time = None;
        for line in self.signatures.iter().filter(|line| line.name == key.name && line.id == id) {
            let forged = || LogError::Forged { name: key.name.clone() };
            let (at, message, bytes) = match key.kind {
                KeyKind::Note => (0, self.text.as_bytes().to_vec(), line.bytes.as_slice()),
                KeyKind::Cosignature => {
                    let (at, bytes) = line.bytes.split_first_chunk::<8>().ok_or_else(forged)?;
                    let at = u64::from_be_bytes(*at);
                    (at, cosigned(at, &self.text).into_bytes(), bytes)
                }
            };
            let signature: &[u8; 64] = bytes.try_into().map_err(|_| forged())?;
            if at > i64::MAX as u64 || !verify_signature(&key.public, &message, signature) {
                return Err(forged());
            }
            time = time.max(Some(at));
        }
        time.ok_or_else(|| LogError::Unsigned { name: key.name.clone() })
    }

    /// Adds a witness's signature over this text at a time in seconds since 1970.
    ///
    /// # Errors
    /// [`LogError::Malformed`] for a name that is none.
    pub fn cosign(&mut self, name: &str, seed: &SigningSeed, time: u64) -> Result<(), LogError> {
        let key = VerifierKey::new(name, KeyKind::Cosignature, seed.public())?;
        let signature = seed.sign(cosigned(time, &self.text).as_bytes());
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        self.signatures.push(NoteSignature { name: name.to_owned(), id: key.id(), bytes });
        Ok(())
    }

    /// Adds the signatures of another note of the same text that are not here yet; false if its text is another one.
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.text != other.text {
            return false;
        }
        for signature in &other.signatures {
            if !self.signatures.contains(signature) && self.signatures.len() < MAX_SIGNATURES {
                self.signatures.push(signature.clone());
            }
        }
        true
    }

    /// Names of those who cosigned, and when, in seconds since 1970. Not verified: whoever reads this has their keys, or does not.
    pub fn cosigners(&self) -> Vec<(String, u64)> {
        let witness = |line: &NoteSignature| {
            let (time, signature) = line.bytes.split_first_chunk::<8>()?;
            (signature.len() == 64).then(|| (line.name.clone(), u64::from_be_bytes(*time)))
        };
        self.signatures.iter().filter_map(witness).collect()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, bytes) = line.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = base64(bytes)?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    is_name(name).then(|| NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the text of C2SP signed-note, whose key is that of Go's package of notes.
    #[test]
    fn the_published_example() {
        let key =
            VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let parsed = Note::parse(note).unwrap();
        assert_eq!(parsed.to_string(), note);
        parsed.verify(&key).unwrap();
        assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let other = Note::parse(&note.replace("answer", "Answer")).unwrap();
        assert!(matches!(other.verify(&key), Err(LogError::Forged { .. })));
    }

    #[test]
    fn cosignatures_bind_time_and_text() {
        let seed = |byte| SigningSeed::from_slice(&[byte; 32]).unwrap();
        let mut note = Note::sign("log\n1\nroot\n".to_owned(), "log", &seed(1)).unwrap();
        note.cosign("witness", &seed(2), 1_700_000_000).unwrap();
        let key = |name: &str, kind, byte| VerifierKey::new(name, kind, seed(byte).public()).unwrap();
        let parsed = Note::parse(&note.to_string()).unwrap();
        assert_eq!(parsed, note);
        assert_eq!(parsed.verify(&key("log", KeyKind::Note, 1)).unwrap(), 0);
        assert_eq!(parsed.verify(&key("witness", KeyKind::Cosignature, 2)).unwrap(), 1_700_000_000);
        assert_eq!(parsed.cosigners(), [("witness".to_owned(), 1_700_000_000)]);
        for (name, kind, byte) in
            [("witness", KeyKind::Note, 2), ("log", KeyKind::Note, 2), ("other", KeyKind::Cosignature, 2)]
        {
            assert!(matches!(parsed.verify(&key(name, kind, byte)), Err(LogError::Unsigned { .. })));
        }
        let mut later = note.clone();
        later.signatures[1].bytes[7] ^= 1;
        assert!(matches!(
            later.verify(&key("witness", KeyKind::Cosignature, 2)),
            Err(LogError::Forged { .. })
        ));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for text in [
            "",
            "\n",
            "a\n",
            "a\n\n",
            "a\n\nb\n",
            "a\n\n\u{2014} b\n",
            "a\n\n\u{2014} b AAAA\n",
            "a\r\n\n\u{2014} b AAAAAAA=\n",
        ] {
            assert!(Note::parse(text).is_err(), "{text:?}");
        }
        for name in ["", "a b", "a+b", "a\n"] {
            assert!(VerifierKey::new(name, KeyKind::Note, [0; 32]).is_err());
        }
    }
}
