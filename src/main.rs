//! The `oubliette` binary.

/// What requests and answers leave in freed memory is wiped.
#[global_allocator]
static ALLOC: oubliette_cli::WipingAlloc = oubliette_cli::WipingAlloc;

fn main() -> std::process::ExitCode {
    oubliette_cli::main()
}
