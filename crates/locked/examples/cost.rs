//! What secret memory and wiping cost beside the plain heap, as ratios: `cargo run --release -p oubliette-locked --example cost`.
#![expect(clippy::print_stdout, reason = "prints its results")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::time::Instant;

use oubliette_locked::{Locked, WipingAlloc, protection};

/// Best of several rounds, in nanoseconds for one call.
fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut round = || {
        let began = Instant::now();
        (0..calls).for_each(|_| call());
        began.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..9).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("keys are in {} memory", protection());
    let boxed = time(200_000, || drop(black_box(Box::new([7u8; 32]))));
    let locked = time(200_000, || {
        let mut key = Locked::<32>::zeroed();
        key.expose_mut().fill(7);
        drop(black_box(key));
    });
    println!("a key made and dropped: {locked:.0} ns, {:.1} of a box ({boxed:.0} ns)", locked / boxed);
    let first = Instant::now();
    let many: Vec<Locked<32>> = (0..100_000).map(|_| Locked::zeroed()).collect();
    println!(
        "a key where the arena grows: {:.0} ns",
        first.elapsed().as_secs_f64() * 1e9 / many.len() as f64
    );

    for size in [64, 1024, 16 << 10, 128 << 10, 1 << 20] {
        let Ok(layout) = Layout::from_size_align(size, 8) else { continue };
        let [plain, wiping] = [&System as &dyn GlobalAlloc, &WipingAlloc].map(|heap| pass(heap, layout));
        println!(
            "a buffer of {size} bytes filled and freed: {wiping:.0} ns, {:.2} of the plain heap",
            wiping / plain
        );
    }
}

#[expect(unsafe_code, reason = "calls allocators directly")]
fn pass(heap: &dyn GlobalAlloc, layout: Layout) -> f64 {
    time(20_000, || {
        // SAFETY: the layout is not empty; the block is written within its size, and freed once with the layout it was made with.
        unsafe {
            let block = heap.alloc(layout);
            assert!(!block.is_null());
            block.write_bytes(7, layout.size());
            heap.dealloc(black_box(block), layout);
        }
    })
}
