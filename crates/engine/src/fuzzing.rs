//! What the fuzz targets call (`fuzz/`), and what their corpora begin with; see [`oubliette_crypto::fuzzing`]. Not part of the crate's
//! interface.
#![allow(missing_docs, reason = "run by tests and fuzzers alone")]

use oubliette_crypto::fuzzing::Target;

/// All of this crate.
pub const TARGETS: [Target; 7] = [
    ("anchor_row", crate::anchor::fuzz::row, crate::anchor::fuzz::row_seeds),
    ("anchor_slot", crate::anchor::fuzz::slot, crate::anchor::fuzz::slot_seeds),
    ("blob_reference", crate::packs::fuzz::reference, crate::packs::fuzz::reference_seeds),
    ("mirror_note", crate::mirror::fuzz::note, crate::mirror::fuzz::note_seeds),
    ("redo_record", crate::anchor::fuzz::redo, crate::anchor::fuzz::redo_seeds),
    ("sled_marker", crate::sled_folder::fuzz::marker, crate::sled_folder::fuzz::marker_seeds),
    ("slot_file", crate::slots::fuzz::run, crate::slots::fuzz::seeds),
];
