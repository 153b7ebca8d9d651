//! What the kernel says and does about the memory that keys live in.
#![expect(unsafe_code, reason = "asks the kernel about addresses, and forks")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking and says what it left out")]
#![cfg(all(target_os = "linux", not(miri)))]

use std::fs::{File, read_to_string};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Barrier;
use std::thread;

use oubliette_locked::{Locked, Protection, protection, usage};

fn filled(byte: u8) -> Locked<32> {
    let mut key = Locked::zeroed();
    key.expose_mut().fill(byte);
    key
}

fn address(key: &Locked<32>) -> u64 {
    key.expose().as_ptr().addr() as u64
}

/// The first bytes at an address, as another process with our rights would read them.
fn read(at: u64) -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/proc/self/mem")?.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// The flags of the mapping around an address, and its neighbours' access rights.
fn mapping(at: u64) -> (String, String, String) {
    let smaps = read_to_string("/proc/self/smaps").unwrap();
    let (mut before, mut found, mut after) = (String::new(), None::<String>, String::new());
    for line in smaps.lines() {
        let head = line.split_once(' ').and_then(|(range, rest)| Some((range.split_once('-')?, rest)));
        if let Some(((from, to), rest)) = head
            && let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16))
        {
            let rights = rest.chars().take(4).collect();
            match &found {
                _ if (from..to).contains(&at) => found = Some(String::new()),
                None => before = rights,
                Some(_) if after.is_empty() => after = rights,
                Some(_) => {}
            }
        } else if let (Some(flags), Some(found)) = (line.strip_prefix("VmFlags: "), &mut found)
            && after.is_empty()
        {
            *found = flags.to_owned();
        }
    }
    (found.unwrap(), before, after)
}

#[test]
fn locked_kept_out_of_cores_not_inherited_and_between_guards() {
    let key = filled(7);
    if protection() == Protection::Plain {
        println!("left out: locked: the kernel grants neither secret nor locked memory");
        return;
    }
    let (flags, before, after) = mapping(address(&key));
    for flag in ["lo", "dd", "dc"] {
        assert!(flags.split(' ').any(|set| set == flag), "{flag} is not among {flags}");
    }
    assert_eq!(before.chars().take(3).collect::<String>(), "---", "no guard before it");
    assert_eq!(after.chars().take(3).collect::<String>(), "---", "no guard behind it");
}

#[test]
fn secret_memory_is_not_read_from_outside() {
    let key = filled(9);
    // The same question about ordinary memory is answered: the test can see.
    let plain = Box::new([9u8; 32]);
    assert_eq!(read(plain.as_ptr().addr() as u64).unwrap(), [9; 32]);
    if protection() != Protection::Secret {
        println!("left out: locked: no memfd_secret here, the memory is {}", protection());
        return;
    }
    let refused = read(address(&key)).unwrap_err();
    assert!(refused.raw_os_error() == Some(5) || refused.kind() == ErrorKind::UnexpectedEof, "{refused}");
    assert_eq!(key.expose(), &[9; 32]);
}

#[test]
fn a_slot_is_zero_when_it_is_handed_out_again() {
    let key = filled(0xa7);
    let at = address(&key);
    drop(key);
    // Other tests of this process may have taken it meanwhile; among so many it is found or was wiped by its next owner.
    let again: Vec<Locked<32>> = (0..5000).map(|_| Locked::zeroed()).collect();
    assert!(again.iter().all(|key| key.expose() == &[0; 32]), "a slot with old bytes");
    assert!(usage().plain > 0 || again.iter().any(|key| address(key) == at) || again.len() == 5000);
    let page = Locked::<976>::zeroed();
    assert_eq!(page.expose(), &[0; 976]);
}

#[test]
fn many_threads_take_and_give_back_without_meeting() {
    const THREADS: usize = 8;
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                let mark = u8::try_from(thread + 1).unwrap();
                start.wait();
                let mut held: Vec<Locked<32>> = Vec::new();
                for round in 0..4000 {
                    let key = Locked::<32>::zeroed();
                    assert_eq!(key.expose(), &[0; 32]);
                    held.push(key);
                    held.last_mut().unwrap().expose_mut().fill(mark);
                    if round % 3 == 0 {
                        let gone = held.swap_remove(round % held.len());
                        assert_eq!(gone.expose(), &[mark; 32]);
                    }
                }
                assert!(held.iter().all(|key| key.expose() == &[mark; 32]), "somebody wrote over a key");
            });
        }
    });
}

#[test]
fn a_forked_child_has_no_copy() {
    let key = filled(3);
    if protection() == Protection::Plain {
        println!("left out: locked: the kernel grants neither secret nor locked memory");
        return;
    }
    let page = (address(&key) & !0xfff) as *mut libc::c_void;
    let mut resident = 0u8;
    // SAFETY: between fork and exit the child makes two system calls and nothing else, as the child of a process with threads must.
    // `mincore` looks at one page and writes one byte of ours; it reports a page that is not mapped as ENOMEM.
    let status = unsafe {
        match libc::fork() {
            0 => {
                let mapped = libc::mincore(page, 1, &mut resident) == 0;
                libc::_exit(i32::from(mapped))
            }
            child => {
                assert!(child > 0, "fork failed");
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status
            }
        }
    };
    assert_eq!(status, 0, "the child has the page");
    assert_eq!(key.expose(), &[3; 32]);
}

#[test]
fn the_bytes_are_never_printed() {
    let printed = format!("{:?} {:#?}", filled(0xab), filled(0xab));
    assert!(!printed.contains("171") && !printed.contains("ab"), "{printed}");
}
