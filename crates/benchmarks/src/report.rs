//! The tables of `docs/benchmarks.md`, and the same numbers as JSON.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    measure::{Answers, Starts},
    package::Size,
    statistics::{Sample, ratios},
};

/// The goals.
const MOST_TIMES_BARE: f64 = 1.3;
const MOST_MEMORY: f64 = 24.0 * 1024.0 * 1024.0;
const MOST_ZIP: u64 = 4_000_000;

const BEGIN: &str = "<!-- measured: `cargo xtask bench` writes from here -->";
const END: &str = "<!-- to here -->";

/// Everything measured about one function.
pub(crate) struct Measured {
    pub(crate) function: String,
    pub(crate) work: String,
    pub(crate) size: Size,
    pub(crate) starts: Starts,
    /// Nothing where no case is written for it.
    pub(crate) answers: Option<Answers>,
    pub(crate) bare: Option<Bare>,
}

/// The same about its bare counterpart.
pub(crate) struct Bare {
    pub(crate) name: String,
    pub(crate) size: Size,
    pub(crate) starts: Starts,
    pub(crate) answers: Answers,
}

/// How it was measured.
pub(crate) struct Circumstances {
    pub(crate) machine: String,
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) tls: bool,
    pub(crate) starts: usize,
    pub(crate) invocations: usize,
}

/// The tables.
pub(crate) fn markdown(measured: &[Measured], how: &Circumstances) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "Measured on {} with `{}`: {}.", how.date, how.command, how.machine)?;
    writeln!(text, "The emulated AWS was called {} TLS.", if how.tls { "by" } else { "without" })?;
    writeln!(
        text,
        "Medians of {} starts and of {} answers; in brackets the quartiles.\n",
        how.starts, how.invocations
    )?;
    writeln!(text, "### Beside a bare function\n")?;
    writeln!(text, "| Function | Work | What | Ours | Bare | Ours ÷ bare | At most {MOST_TIMES_BARE} |")?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for measured in measured {
        if let (Some(bare), Some(answers)) = (&measured.bare, &measured.answers) {
            pair(&mut text, measured, answers, bare)?;
        }
    }
    writeln!(text, "\n### Every function\n")?;
    writeln!(
        text,
        "| Function | Work | Zip, MB | Binary, MB | At rest, MiB | After {}, MiB | Init, ms | Cold, ms | Cold, CPU ms | Warm, ms | Warm p99, ms | Warm, CPU ms |",
        how.invocations
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    for measured in measured {
        row(&mut text, measured)?;
    }
    writeln!(text)?;
    for missed in missed(measured) {
        writeln!(text, "- Goal missed: {missed}.")?;
    }
    Ok(text)
}

fn pair(text: &mut String, measured: &Measured, answers: &Answers, bare: &Bare) -> Result<()> {
    let rows = [
        ("init, ms", &measured.starts.init, &bare.starts.init),
        ("cold, ms", &measured.starts.cold, &bare.starts.cold),
        ("cold, CPU ms", &measured.starts.processor, &bare.starts.processor),
        ("warm, ms", &answers.latency, &bare.answers.latency),
    ];
    for (what, ours, theirs) in rows {
        let goal =
            if what.ends_with("old, ms") || what.starts_with("warm") { verdict(ours, theirs) } else { "" };
        writeln!(
            text,
            "| `{}` | {} | {what} | {} | {} | {} | {goal} |",
            measured.function,
            measured.work,
            spread(&Sample::new(ours.iter().copied())),
            spread(&Sample::new(theirs.iter().copied())),
            spread(&ratios(ours, theirs)),
        )?;
    }
    let (ours, theirs) = (answers.processor, bare.answers.processor);
    writeln!(
        text,
        "| `{}` | {} | warm, CPU ms | {ours:.2} | {theirs:.2} | {:.2} | |",
        measured.function,
        measured.work,
        ours / theirs
    )?;
    Ok(())
}

fn verdict(ours: &[f64], bare: &[f64]) -> &'static str {
    if ratios(ours, bare).median() <= MOST_TIMES_BARE { "yes" } else { "**no**" }
}

fn spread(sample: &Sample) -> String {
    format!("{:.2} ({:.2}–{:.2})", sample.median(), sample.quantile(0.25), sample.quantile(0.75))
}

fn row(text: &mut String, measured: &Measured) -> Result<()> {
    let Measured { function, work, size, starts, answers, bare } = measured;
    line(text, function, work, *size, starts, answers.as_ref())?;
    match bare {
        Some(bare) => line(text, &bare.name, work, bare.size, &bare.starts, Some(&bare.answers)),
        None => Ok(()),
    }
}

fn line(
    text: &mut String,
    function: &str,
    work: &str,
    size: Size,
    starts: &Starts,
    answers: Option<&Answers>,
) -> Result<()> {
    let median = |values: &[f64]| Sample::new(values.iter().copied()).median();
    let or_dash = |value: f64| if value.is_nan() { "–".to_owned() } else { format!("{value:.1}") };
    let latency = Sample::new(answers.iter().flat_map(|answers| answers.latency.iter().copied()));
    writeln!(
        text,
        "| `{function}` | {work} | {:.2} | {:.2} | {:.1} | {} | {:.1} | {} | {:.1} | {} | {} | {} |",
        megabytes(size.zip),
        megabytes(size.binary),
        median(&starts.memory) / 1024.0 / 1024.0,
        or_dash(answers.map_or(f64::NAN, |answers| answers.memory / 1024.0 / 1024.0)),
        median(&starts.init),
        or_dash(median(&starts.cold)),
        median(&starts.processor),
        or_dash(latency.median()),
        or_dash(latency.quantile(0.99)),
        answers.map_or_else(|| "–".to_owned(), |answers| format!("{:.2}", answers.processor)),
    )?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "some megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The goals that were not reached.
pub(crate) fn missed(measured: &[Measured]) -> Vec<String> {
    let mut missed = Vec::new();
    for Measured { function, size, starts, answers, bare, .. } in measured {
        if size.zip >= MOST_ZIP {
            missed.push(format!("the zip of `{function}` is {:.2} MB", megabytes(size.zip)));
        }
        let at_rest = Sample::new(starts.memory.iter().copied()).median();
        if at_rest >= MOST_MEMORY {
            missed.push(format!("`{function}` has {:.1} MiB at rest", at_rest / 1024.0 / 1024.0));
        }
        let (Some(bare), Some(answers)) = (bare, answers) else { continue };
        let compared =
            [("cold", &starts.cold, &bare.starts.cold), ("warm", &answers.latency, &bare.answers.latency)];
        for (what, ours, theirs) in compared {
            let times = ratios(ours, theirs).median();
            if times > MOST_TIMES_BARE {
                missed.push(format!("`{function}` takes {times:.2} times as long as a bare function {what}"));
            }
        }
    }
    missed
}

/// The numbers for other programs.
pub(crate) fn json(measured: &[Measured], how: &Circumstances) -> Value {
    let median = |values: &[f64]| Sample::new(values.iter().copied()).median();
    let functions = measured.iter().map(|measured| {
        let (starts, answers) = (&measured.starts, measured.answers.as_ref());
        json!({
            "function": measured.function,
            "work": measured.work,
            "zip_bytes": measured.size.zip,
            "binary_bytes": measured.size.binary,
            "memory_at_rest_bytes": median(&starts.memory),
            "memory_after_bytes": answers.map(|answers| answers.memory),
            "init_ms": median(&starts.init),
            "cold_ms": median(&starts.cold),
            "cold_processor_ms": median(&starts.processor),
            "warm_ms": answers.map(|answers| median(&answers.latency)),
            "warm_processor_ms": answers.map(|answers| answers.processor),
        })
    });
    json!({ "machine": how.machine, "date": how.date, "functions": functions.collect::<Vec<_>>() })
}

/// The document with the tables in their place; the rest is written by hand.
pub(crate) fn place(document: &str, tables: &str) -> Result<String> {
    let wrong = || format!("docs/benchmarks.md needs a line {BEGIN} and after it a line {END}");
    let (before, rest) = document.split_once(BEGIN).with_context(wrong)?;
    let (_, after) = rest.split_once(END).with_context(wrong)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_written() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\nby hand\n");
        let placed = place(&document, "new\n").unwrap();
        assert_eq!(placed, format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nby hand\n"));
        assert_eq!(place(&placed, "new\n").unwrap(), placed);
        assert!(place("# Title", "new").is_err());
    }

    fn measured(cold: f64, memory: f64, zip: u64) -> Measured {
        let starts =
            |cold| Starts { init: vec![1.0], cold: vec![cold], processor: vec![1.0], memory: vec![memory] };
        let answers = Answers { latency: vec![1.0], processor: 1.0, memory };
        let size = Size { binary: zip * 2, zip };
        let bare = Bare { name: "bare".to_owned(), size, starts: starts(10.0), answers: answers.clone() };
        Measured {
            function: "api-orgs".to_owned(),
            work: "GET /".to_owned(),
            size,
            starts: starts(cold),
            answers: Some(answers),
            bare: Some(bare),
        }
    }

    #[test]
    fn each_goal_can_be_missed() {
        assert!(missed(&[measured(13.0, 1e6, 1_000_000)]).is_empty());
        assert!(missed(&[measured(13.1, 1e6, 1_000_000)])[0].contains("1.31 times"));
        assert!(missed(&[measured(10.0, 30e6, 1_000_000)])[0].contains("28.6 MiB"));
        assert!(missed(&[measured(10.0, 1e6, 4_000_000)])[0].contains("4.00 MB"));
    }
}
