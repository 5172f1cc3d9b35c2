//! Writes the documents that come from the code, or with `--check` only compares: `cargo xtask
//! generate`.

use std::process::ExitCode;

use system_tests::{documents, template::repository};

fn main() -> ExitCode {
    let only_check = std::env::args().any(|argument| argument == "--check");
    let root = repository();
    let stale = documents::stale(&root);
    if only_check {
        for problem in &stale {
            eprintln!("{problem}");
        }
        return if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match documents::write(&root) {
        Ok(written) => {
            println!("{} of the documents were not up to date, {written} are now written", stale.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot write the documents: {error}");
            ExitCode::FAILURE
        }
    }
}
