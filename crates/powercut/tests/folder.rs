//! The recorded folder, used by a shell: it behaves like a folder, and its record tells what happened.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::process::Command;

use oubliette_powercut::{Call, Dice, Disk, Folder, Image, MARKS, ROOT, Strategy};

/// Runs a script in the folder; its output.
fn shell(folder: &Folder, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn folder() -> Option<Folder> {
    let folder = Folder::new(&Image::empty());
    if let Err(error) = &folder {
        println!("left out: powercut: this process may not mount FUSE file systems ({error})");
    }
    folder.ok()
}

#[test]
fn a_folder_like_any_other_and_a_record_of_it() {
    let Some(folder) = folder() else { return };
    let listed = shell(
        &folder,
        &format!(
            "mkdir d; printf abc > d/a; sync d/a; echo done >> {MARKS}; mv d/a d/b; cp d/b c; truncate -s 5000 c; rm d/b; rmdir d; ls; wc -c < c"
        ),
    );
    assert_eq!(listed, "c\n5000\n");
    let calls = folder.calls();
    let at = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted).unwrap();
    let written = at(&|call| matches!(call, Call::Write { data, through: false, .. } if data == b"abc"));
    let synced = at(&|call| matches!(call, Call::Sync { done: true, .. }));
    let marked = at(&|call| *call == Call::Mark("done".into()));
    let renamed =
        at(&|call| matches!(call, Call::Rename { name, to_name, .. } if name == "a" && to_name == "b"));
    let removed = at(&|call| *call == Call::Remove { dir: ROOT, name: "d".into() });
    assert!(written < synced && synced < marked && marked < renamed && renamed < removed);

    let mut disk = Disk::new(&Image::empty(), 0);
    calls.iter().for_each(|call| disk.apply(call));
    assert_eq!(disk.cut(Strategy::Everything, &mut Dice::new(0)), folder.seen());
    assert_eq!(disk.cut(Strategy::Nothing, &mut Dice::new(0)), Image::empty(), "no folder was synced");
}

#[test]
fn what_a_failed_sync_lost_is_read_until_the_cache_lets_go() {
    let Some(folder) = folder() else { return };
    folder.fail_sync_after(0);
    let read = shell(
        &folder,
        "head -c 65536 /dev/zero | tr '\\0' x > a
         if sync a 2>/dev/null; then exit 1; fi
         sync a
         tr -d '\\0' < a | wc -c
         dd if=a iflag=nocache count=0 status=none
         tr -d '\\0' < a | wc -c",
    );
    let read: Vec<u64> = read.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(read[0], 65536, "the page cache still has it");
    assert!(read[1] < 65536, "the medium does not");
}

#[test]
fn an_image_comes_back_as_it_went_in() {
    let Some(first) = folder() else { return };
    shell(&first, "mkdir -p x/y; printf one > x/y/1; printf two > 2");
    let image = first.seen();
    let Ok(second) = Folder::new(&image) else { return };
    assert_eq!(shell(&second, "cat x/y/1 2"), "onetwo");
    assert_eq!(second.seen(), image);
    assert!(second.is_empty(), "reading is no change");
}
