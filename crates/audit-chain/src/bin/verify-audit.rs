//! Proves that a file of audit events is whole: `verify-audit FILE [--head SEQUENCE:HASH]…`.

use std::{env, fs::File, io::BufReader, path::PathBuf, process::ExitCode};

use audit_chain::{Head, verify};

const USAGE: &str = "usage: verify-audit FILE [--head SEQUENCE:HASH]…
FILE holds audit events as the API shows them, one JSON object a line.
A head is a `sequence` and a `hash` that you kept from earlier.";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (mut file, mut known) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        let read = if argument == "--head" {
            arguments.next().unwrap_or_default().parse::<Head>().map(|head| known.push(head)).is_ok()
        } else {
            !argument.starts_with('-') && file.replace(PathBuf::from(&argument)).is_none()
        };
        if !read {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    let Some(file) = file else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match File::open(&file).and_then(|events| verify(BufReader::new(events), &known)) {
        Ok(report) => {
            println!("{report}");
            if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("cannot read {}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}
