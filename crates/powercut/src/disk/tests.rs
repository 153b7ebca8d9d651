use super::*;

fn write(ino: Ino, offset: u64, byte: u8, length: usize) -> Call {
    Call::Write { ino, offset, data: vec![byte; length], through: false }
}

fn create(dir: Ino, name: &str, ino: Ino, folder: bool) -> Call {
    Call::Create { dir, name: name.into(), ino, folder }
}

fn sync(ino: Ino) -> Call {
    Call::Sync { ino, done: true }
}

fn after(calls: &[Call]) -> Disk {
    let mut disk = Disk::new(&Image::empty(), 1);
    calls.iter().for_each(|call| disk.apply(call));
    disk
}

fn cut(disk: &Disk, strategy: Strategy) -> Image {
    disk.cut(strategy, &mut Dice::new(5))
}

#[test]
fn only_synced_bytes_under_synced_names_are_sure() {
    let calls = [create(ROOT, "a", 2, false), write(2, 0, 1, 600), sync(2)];
    assert_eq!(cut(&after(&calls), Strategy::Nothing), Image::empty(), "the name was not synced");
    assert_eq!(cut(&after(&calls), Strategy::Everything).file("a"), Some(&[1; 600][..]));
    let calls = [&calls[..], &[sync(ROOT), write(2, 0, 2, 1200)]].concat();
    let disk = after(&calls);
    assert_eq!(cut(&disk, Strategy::Nothing).file("a"), Some(&[1; 600][..]));
    assert_eq!(cut(&disk, Strategy::Everything).file("a"), Some(&[2; 1200][..]));
    let sizes = cut(&disk, Strategy::Names);
    assert_eq!(sizes.file("a").map(<[u8]>::len), Some(1200));
    assert!(sizes.file("a").is_some_and(|bytes| bytes[..600] == [1; 600] && bytes[600..] == [0; 600]));
    let torn = cut(&disk, Strategy::Torn);
    let torn = torn.file("a").unwrap_or_default();
    assert!(torn.chunks(512).all(|sector| sector[0] == *sector.last().unwrap() || sector.len() > 88));
}

#[test]
fn renames_are_whole_and_in_order() {
    let rename = Call::Rename { dir: ROOT, name: "n".into(), to_dir: ROOT, to_name: "a".into() };
    let calls = [
        create(ROOT, "a", 2, false),
        write(2, 0, 1, 10),
        sync(2),
        sync(ROOT),
        create(ROOT, "n", 3, false),
        write(3, 0, 2, 10),
        sync(3),
        rename,
    ];
    let disk = after(&calls);
    let mut seen = BTreeMap::new();
    for seed in 0..40 {
        let image = disk.cut(Strategy::Some, &mut Dice::new(seed));
        let whole = image.file("a").is_some_and(|bytes| bytes == [1; 10] || bytes == [2; 10]);
        assert!(whole, "{image:?}");
        *seen.entry(format!("{image:?}")).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 3, "before both, between them, after both");
    let calls = [&calls[..], &[sync(ROOT)]].concat();
    assert_eq!(cut(&after(&calls), Strategy::Nothing).file("a"), Some(&[2; 10][..]));
}

#[test]
fn a_failed_sync_loses_what_was_dirty_for_good() {
    let calls = [
        create(ROOT, "a", 2, false),
        sync(ROOT),
        write(2, 0, 7, 1 << 16),
        Call::Sync { ino: 2, done: false },
        sync(2),
    ];
    let image = cut(&after(&calls), Strategy::Everything);
    assert_ne!(image.file("a"), Some(&[7; 1 << 16][..]));
}

#[test]
fn a_write_through_is_durable_and_takes_its_page_along() {
    let through = Call::Write { ino: 2, offset: 100, data: vec![9; 10], through: true };
    let calls =
        [create(ROOT, "a", 2, false), sync(ROOT), write(2, 0, 1, 200), write(2, 9000, 3, 10), through];
    let image = cut(&after(&calls), Strategy::Nothing);
    assert!(image.file("a").is_some_and(|bytes| bytes[..100] == [1; 100] && bytes[100..110] == [9; 10]));
}
