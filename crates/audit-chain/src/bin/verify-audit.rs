//! Proves that a file of audit events is whole: see [`USAGE`].

use std::{
    env,
    fs::{File, read, read_dir, read_to_string},
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use audit_chain::{Anchors, Evidence, Head, prove};

const USAGE: &str = "usage: verify-audit FILE [--anchors FILE [--files PATH]…] [--expired-before TIME] [--head SEQUENCE:HASH]…
FILE holds audit events as the API shows them, one JSON object a line.
Anchors are those of GET /v1/audit/anchors, fetched before the events: pages of them, or one JSON object a line.
Their files are those of the bucket: a folder, or one of them.
Events from before TIME (RFC 3339) need not be there: your log is not kept for longer.
A head is a `sequence` and a `hash` that you kept from earlier.";

/// What is asked for.
#[derive(Default)]
struct Asked {
    events: PathBuf,
    anchors: Option<PathBuf>,
    files: Vec<PathBuf>,
    evidence: Evidence,
}

fn main() -> ExitCode {
    let Some(asked) = asked(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match report(asked) {
        Ok(is_whole) => {
            if is_whole {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("cannot read {error}");
            ExitCode::from(2)
        }
    }
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
    let (mut asked, mut events) = (Asked::default(), None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next();
        match argument.as_str() {
            "--head" => asked.evidence.known.push(value()?.parse::<Head>().ok()?),
            "--anchors" if asked.anchors.is_none() => asked.anchors = Some(value()?.into()),
            "--files" => asked.files.push(value()?.into()),
            "--expired-before" => asked.evidence.expired_before = Some(value()?.parse().ok()?),
            file if !file.starts_with('-') && events.is_none() => events = Some(PathBuf::from(file)),
            _ => return None,
        }
    }
    // files of anchors prove the rows about them, and nothing by themselves
    (asked.files.is_empty() || asked.anchors.is_some()).then_some(())?;
    asked.events = events?;
    Some(asked)
}

/// Says what was found, and whether the log is whole.
fn report(mut asked: Asked) -> io::Result<bool> {
    if let Some(rows) = &asked.anchors {
        let mut files = Vec::new();
        for path in &asked.files {
            let inside = if path.is_dir() { of_folder(path)? } else { vec![path.clone()] };
            for file in inside {
                files.push((file.display().to_string(), of(&file, read(&file))?));
            }
        }
        if files.is_empty() && !asked.files.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the files of the anchors: there is none in what --files names",
            ));
        }
        asked.evidence.anchors = Anchors::read(&of(rows, read_to_string(rows))?, &files);
    }
    let events = of(&asked.events, File::open(&asked.events))?;
    let report = of(&asked.events, prove(BufReader::new(events), &asked.evidence))?;
    println!("{report}");
    Ok(report.findings.is_empty())
}

fn of_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = of(folder, read_dir(folder))?.map(|file| Ok(of(folder, file)?.path()));
    let mut files = files.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

fn of<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
