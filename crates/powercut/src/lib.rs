//! Test only: disks that record every call made to them and show what a power cut after any of those calls may leave.
//!
//! | need | use |
//! |---|---|
//! | a folder whose files are used by ordinary programs, every change recorded | [`Folder`] |
//! | what the disk may hold if the power failed after so many of its calls | [`Disk`], [`Strategy`] |
//! | a block device that records writes and flushes, for a real file system | [`BlockDevice`], [`Blocks`] |
//! | a block device whose flushes take so long, for measuring | [`BlockDevice::slow`] |
//! | a fast place for an image | [`scratch`] |
//! | a file system on a block device or an image of one | [`LoopMount`] |
//!
//! Both recorders are FUSE file systems served by this process, so whatever uses them must be *another* process (or the kernel):
//! one that dies while it waits for itself could not be killed. Everything mounted is unmounted on drop, by force if need be, and
//! a watchdog does the same if nobody comes to that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test only: what goes wrong here must stop the test"
)]

mod block;
mod dice;
mod disk;
mod folder;
mod image;
mod mount;
mod record;

pub use block::{BlockCall, BlockDevice, Blocks, LoopMount, detach, losetup};
pub use dice::Dice;
pub use disk::{Disk, Strategy};
pub use folder::Folder;
pub use image::{Image, Tree, scratch};
pub use record::{Call, Ino, MARKS, ROOT};
