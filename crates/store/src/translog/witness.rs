//! A witness on another machine: it keeps the newest checkpoint it saw, and signs only what contains it.

use std::fs::OpenOptions;
use std::path::Path;

use data_encoding::BASE64;
use oubliette_crypto::SigningSeed;

use super::{Checkpoint, ConsistencyProof, KeyKind, LogError, Note, VerifierKey};
use crate::VaultError;
use crate::files::replace;

/// A witness's key pair. As text `PRIVATE+witness+name+base64`, for the file that only the witness reads.
pub struct WitnessKey {
    name: String,
    seed: SigningSeed,
}

/// The name alone.
impl std::fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WitnessKey").field("name", &self.name).finish_non_exhaustive()
    }
}

const PRIVATE: &str = "PRIVATE+witness+";

impl WitnessKey {
    /// A fresh one under a name, best that of the machine.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a name that is none.
    pub fn generate(name: &str) -> Result<Self, VaultError> {
        let key = Self { name: name.to_owned(), seed: SigningSeed::generate()? };
        key.verifier().map_err(|_| {
            VaultError::invalid("name", "must be 1 to 255 bytes without spaces, control characters and `+`")
        })?;
        Ok(key)
    }

    /// Reads the private text form.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let bad = LogError::Malformed("the private key of a witness");
        let Some((name, seed)) = text.trim_end().strip_prefix(PRIVATE).and_then(|rest| rest.split_once('+'))
        else {
            return Err(bad);
        };
        let mut seed = BASE64
            .decode(seed.as_bytes())
            .map_err(|_| LogError::Malformed("the private key of a witness"))?;
        let key = SigningSeed::from_slice(&seed);
        zeroize::Zeroize::zeroize(&mut seed);
        let key = Self { name: name.to_owned(), seed: key.map_err(|_| bad)? };
        key.verifier()?;
        Ok(key)
    }

    /// The private text form, which opens nothing of a vault but lets its holder vouch.
    pub fn private(&self) -> zeroize::Zeroizing<String> {
        let seed = zeroize::Zeroizing::new(BASE64.encode(self.seed.expose()));
        zeroize::Zeroizing::new(format!("{PRIVATE}{}+{}\n", self.name, *seed))
    }

    /// The public key.
    ///
    /// # Errors
    /// [`LogError::Malformed`] for a name that is none.
    pub fn verifier(&self) -> Result<VerifierKey, LogError> {
        VerifierKey::new(&self.name, KeyKind::Cosignature, self.seed.public())
    }
}

/// What a witness keeps in its file: the newest checkpoint of one log that it signed, as a note with its own signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Never before.
    Nothing,
    /// This one.
    Checkpoint(Checkpoint),
}

impl Seen {
    /// Entries seen.
    pub fn size(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Checkpoint(checkpoint) => checkpoint.size,
        }
    }
}

/// A witness of one log.
#[derive(Debug)]
pub struct Witness<'a> {
    /// Its own key.
    pub key: &'a WitnessKey,
    /// The log's public key.
    pub log: &'a VerifierKey,
    /// Where it keeps what it saw.
    pub file: &'a Path,
}

impl Witness<'_> {
    /// The newest checkpoint that it signed.
    ///
    /// # Errors
    /// [`VaultError::Log`] if the file holds anything but that: somebody changed it, and with it what the witness remembers.
    pub fn seen(&self) -> Result<Seen, VaultError> {
        let text = match std::fs::read_to_string(self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Seen::Nothing),
            read => read.map_err(VaultError::io("reading what the witness saw", self.file))?,
        };
        let note = Note::parse(&text)?;
        note.verify(&self.key.verifier()?)?;
        Ok(Seen::Checkpoint(Checkpoint::open(&note, self.log)?))
    }

    /// Judges a proof that begins at what was seen, and signs its checkpoint. The file holds it before the signature is given away.
    ///
    /// # Errors
    /// [`VaultError::Log`], and then nothing is signed or kept.
    pub fn cosign(&self, proof: &ConsistencyProof, time: u64) -> Result<Note, VaultError> {
        // Two at a time could both judge by what was seen, and the later one put the shorter log in the place of the longer.
        let mut alone = self.file.as_os_str().to_owned();
        alone.push(".lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&alone);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
        let _alone = lock.map_err(VaultError::io("locking what the witness saw", self.file))?;
        let seen = match self.seen()? {
            Seen::Nothing => {
                let empty = super::root(&[]);
                Checkpoint { origin: self.log.name().to_owned(), size: 0, root: empty }
            }
            Seen::Checkpoint(seen) => seen,
        };
        proof.verify(&seen, self.log)?;
        let mut note = proof.checkpoint.clone();
        note.cosign(&self.key.name, &self.key.seed, time)?;
        replace(self.file, note.to_string().as_bytes())?;
        Ok(note)
    }
}
