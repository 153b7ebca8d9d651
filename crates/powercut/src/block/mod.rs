//! A block device that records.
