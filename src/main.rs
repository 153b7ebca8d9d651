//! The `oubliette` binary.

fn main() -> std::process::ExitCode {
    oubliette_cli::main()
}
