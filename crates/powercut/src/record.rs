//! What was asked of the folder, call by call.

/// Number of a file or folder; never used twice.
pub type Ino = u64;

/// The folder that is mounted.
pub const ROOT: Ino = 1;

/// A file of this name in the root is no part of the disk: what is written to it becomes a [`Call::Mark`].
pub const MARKS: &str = ".marks";

/// One change or sync, in the order in which the calls were answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A file or folder came to be.
    Create {
        /// The folder it is in.
        dir: Ino,
        /// Its name there.
        name: String,
        /// Its number.
        ino: Ino,
        /// A folder, not a file.
        folder: bool,
    },
    /// Bytes were written.
    Write {
        /// Where to.
        ino: Ino,
        /// From which byte on.
        offset: u64,
        /// What.
        data: Vec<u8>,
        /// Through to the medium (`O_SYNC`, `O_DSYNC`).
        through: bool,
    },
    /// The file was cut, or made longer with zeros.
    Resize {
        /// Which file.
        ino: Ino,
        /// Its size from now on.
        size: u64,
    },
    /// A part became zeros (`fallocate`).
    Punch {
        /// Which file.
        ino: Ino,
        /// From which byte on.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// A name moved, perhaps over another one.
    Rename {
        /// From this folder.
        dir: Ino,
        /// The name there.
        name: String,
        /// To this folder.
        to_dir: Ino,
        /// The name there.
        to_name: String,
    },
    /// A file or an empty folder lost its name.
    Remove {
        /// The folder it was in.
        dir: Ino,
        /// Its name there.
        name: String,
    },
    /// `fsync` or `fdatasync` of a file, or of a folder's names.
    Sync {
        /// Which.
        ino: Ino,
        /// False: answered with EIO, and what was dirty may or may not have reached the medium, and never will again.
        done: bool,
    },
    /// The program said something; nothing of it is on the disk.
    Mark(String),
}
