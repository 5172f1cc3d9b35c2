//! Proves that counters of usage say what the events add up to: see [`USAGE`].

use std::{
    env,
    fs::File,
    io::{self, BufRead, BufReader},
    process::ExitCode,
};

use primitives::json;
use serde_json::{Map, Value};
use usage_ledger::{Ledger, Recount};

const USAGE: &str = "usage: usage-recount FILE…
FILE holds items of the traffic table, one JSON object a line: as an export to S3 writes them (DYNAMODB_JSON,
unpacked), or with plain values. All files of an export belong together. Items of other kinds are passed over.";

fn main() -> ExitCode {
    let files: Vec<_> = env::args().skip(1).collect();
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match recounted(&files) {
        Ok(recount) => {
            for one in &recount.differences {
                println!("{} {}: events {:?}, counters {:?}", one.hour, one.meter, one.events, one.counters);
            }
            let Recount { events, compared, differences } = recount;
            println!("{events} events, {compared} counts compared, {} differ", differences.len());
            if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("cannot read {error}");
            ExitCode::from(2)
        }
    }
}

fn recounted(files: &[String]) -> io::Result<Recount> {
    let mut ledger = Ledger::default();
    for file in files {
        let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{file}: {error}"));
        for line in BufReader::new(File::open(file).map_err(|error| named(&error))?).lines() {
            let line = line.map_err(|error| named(&error))?;
            if line.trim().is_empty() {
                continue;
            }
            let item = json::from_str(&line).map_err(|error| named(&error))?;
            ledger.take(&plain(item)).map_err(|error| named(&error))?;
        }
    }
    Ok(ledger.compare())
}

/// An item with plain values, however it was written.
fn plain(mut line: Map<String, Value>) -> Map<String, Value> {
    match line.remove("Item") {
        Some(Value::Object(item)) => item.into_iter().map(|(name, value)| (name, value_of(value))).collect(),
        _ => line,
    }
}

/// What an attribute says: `{"N": "7"}` is 7.
fn value_of(attribute: Value) -> Value {
    let number = |text: &Value| text.as_str().and_then(|text| json::from_str(text).ok()).unwrap_or_default();
    let Value::Object(attribute) = attribute else { return attribute };
    match attribute.into_iter().next() {
        Some((kind, value)) if kind == "N" => number(&value),
        Some((kind, Value::Array(numbers))) if kind == "NS" => numbers.iter().map(number).collect(),
        Some((_, value)) => value,
        None => Value::Null,
    }
}
