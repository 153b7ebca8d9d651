//! The filter and its probe. Alone in its process, since a filter cannot be taken back.

use oubliette_engine::{deny_sync_file_range, sync_file_range_denied};

#[test]
fn the_probe_sees_the_filter_and_only_the_filter() {
    assert!(!sync_file_range_denied());
    deny_sync_file_range().unwrap();
    let probes: Vec<_> = (0..3).map(|_| std::thread::spawn(sync_file_range_denied)).collect();
    assert!(probes.into_iter().all(|probe| probe.join().unwrap()));
    assert!(sync_file_range_denied());
}
