//! The tables of `docs/benchmarks.md`, and the same numbers as JSON.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    measure::{Answers, Starts},
    package::Size,
    password::{MOST, MOST_APART, Passwords, mean, median},
    statistics::{Sample, ratios},
};

/// The goals: how many times as long as the bare function that is built with the same settings.
const MOST_INIT: f64 = 1.2;
const MOST_COLD: f64 = 1.1;
const MOST_WARM: f64 = 1.1;
const MOST_MEMORY: f64 = 24.0 * 1024.0 * 1024.0;
const MOST_ZIP: u64 = 4_000_000;

/// What passwords are measured with.
const PROCESSORS: [&str; 2] = ["a whole processor", "the share of one that Lambda gives 512 MB"];

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

/// Its bare counterpart.
pub(crate) struct Bare {
    pub(crate) name: String,
    /// Built with the same settings as ours: what our code adds.
    pub(crate) same: Built,
    /// Built without them, as somebody else's would be: what the settings save.
    pub(crate) default: Built,
}

/// The same about one build of it.
pub(crate) struct Built {
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
pub(crate) fn markdown(
    measured: &[Measured],
    passwords: Option<&[Passwords; 2]>,
    how: &Circumstances,
) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "Measured on {} with `{}`: {}.", how.date, how.command, how.machine)?;
    writeln!(text, "The emulated AWS was called {} TLS.", if how.tls { "by" } else { "without" })?;
    writeln!(
        text,
        "Medians of {} starts and of {} answers; in brackets the quartiles.\n",
        how.starts, how.invocations
    )?;
    writeln!(text, "### Beside a bare function\n")?;
    writeln!(
        text,
        "| Function | Work | What | Ours | Bare, same settings | Ours ÷ it | At most | Bare, default settings | Ours ÷ it |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|")?;
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
    if passwords.is_some() {
        writeln!(text, "### A password beside its hash\n")?;
    }
    for (with, passwords) in PROCESSORS.iter().zip(passwords.into_iter().flatten()) {
        password(&mut text, with, passwords)?;
    }
    for missed in missed(measured, passwords) {
        writeln!(text, "- Goal missed: {missed}.")?;
    }
    Ok(text)
}

fn password(text: &mut String, with: &str, passwords: &Passwords) -> Result<()> {
    writeln!(text, "With {with}, {} rounds:\n", passwords.hash.len())?;
    writeln!(text, "| What | Median, ms | Mean, ms | Median ÷ argon2id alone |")?;
    writeln!(text, "|---|---|---|---|")?;
    for (what, took) in [
        ("argon2id alone, in a bare function", &passwords.hash),
        ("right password", &passwords.right),
        ("wrong password", &passwords.wrong),
        ("an address that nobody has", &passwords.unknown),
    ] {
        let ratio = median(took) / median(&passwords.hash);
        writeln!(text, "| {what} | {:.2} | {:.2} | {ratio:.2} |", median(took), mean(took))?;
    }
    let (apart, error) = passwords.apart();
    writeln!(
        text,
        "\nThe means of a wrong password and of an address that nobody has differ by {:.2} % of the hash \
         (± {:.2} %).\n",
        apart * 100.0,
        error * 100.0
    )?;
    Ok(())
}

fn pair(text: &mut String, measured: &Measured, answers: &Answers, bare: &Bare) -> Result<()> {
    let (same, default) = (&bare.same, &bare.default);
    let rows = [
        ("init, ms", Some(MOST_INIT), &measured.starts.init, &same.starts.init, &default.starts.init),
        ("cold, ms", Some(MOST_COLD), &measured.starts.cold, &same.starts.cold, &default.starts.cold),
        ("cold, CPU ms", None, &measured.starts.processor, &same.starts.processor, &default.starts.processor),
        ("warm, ms", Some(MOST_WARM), &answers.latency, &same.answers.latency, &default.answers.latency),
    ];
    for (what, most, ours, same, default) in rows {
        writeln!(
            text,
            "| `{}` | {} | {what} | {} | {} | {} | {} | {} | {} |",
            measured.function,
            measured.work,
            spread(&Sample::new(ours.iter().copied())),
            spread(&Sample::new(same.iter().copied())),
            spread(&ratios(ours, same)),
            most.map_or_else(String::new, |most| verdict(ours, same, most)),
            spread(&Sample::new(default.iter().copied())),
            spread(&ratios(ours, default)),
        )?;
    }
    let (ours, same, default) = (answers.processor, same.answers.processor, default.answers.processor);
    writeln!(
        text,
        "| `{}` | {} | warm, CPU ms | {ours:.2} | {same:.2} | {:.2} | | {default:.2} | {:.2} |",
        measured.function,
        measured.work,
        ours / same,
        ours / default
    )?;
    Ok(())
}

fn verdict(ours: &[f64], same: &[f64], most: f64) -> String {
    let kept = if ratios(ours, same).median() <= most { "kept" } else { "**missed**" };
    format!("{most}: {kept}")
}

fn spread(sample: &Sample) -> String {
    format!("{:.2} ({:.2}–{:.2})", sample.median(), sample.quantile(0.25), sample.quantile(0.75))
}

fn row(text: &mut String, measured: &Measured) -> Result<()> {
    let Measured { function, work, size, starts, answers, bare } = measured;
    line(text, &format!("{function}`"), work, *size, starts, answers.as_ref())?;
    let Some(bare) = bare else { return Ok(()) };
    for (settings, built) in [("same settings", &bare.same), ("default settings", &bare.default)] {
        let name = format!("{}`, {settings}", bare.name);
        line(text, &name, work, built.size, &built.starts, Some(&built.answers))?;
    }
    Ok(())
}

fn line(
    text: &mut String,
    function: &str,
    work: &str,
    size: Size,
    starts: &Starts,
    answers: Option<&Answers>,
) -> Result<()> {
    let or_dash = |value: f64| if value.is_nan() { "–".to_owned() } else { format!("{value:.1}") };
    let latency = Sample::new(answers.iter().flat_map(|answers| answers.latency.iter().copied()));
    writeln!(
        text,
        "| `{function} | {work} | {:.2} | {:.2} | {:.1} | {} | {:.1} | {} | {:.1} | {} | {} | {} |",
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
pub(crate) fn missed(measured: &[Measured], passwords: Option<&[Passwords; 2]>) -> Vec<String> {
    let mut missed = Vec::new();
    for (with, passwords) in PROCESSORS.iter().zip(passwords.into_iter().flatten()) {
        let (ratio, (apart, _)) = (passwords.ratio(), passwords.apart());
        if ratio > MOST {
            missed.push(format!(
                "with {with} a sign-in with a password takes {ratio:.2} times as long as its hash, not {MOST}"
            ));
        }
        if apart >= MOST_APART {
            let apart = apart * 100.0;
            missed.push(format!("with {with} an address that nobody has is {apart:.1} % of the hash away"));
        }
    }
    for Measured { function, size, starts, answers, bare, .. } in measured {
        if size.zip >= MOST_ZIP {
            missed.push(format!("the zip of `{function}` is {:.2} MB", megabytes(size.zip)));
        }
        let at_rest = Sample::new(starts.memory.iter().copied()).median();
        if at_rest >= MOST_MEMORY {
            missed.push(format!("`{function}` has {:.1} MiB at rest", at_rest / 1024.0 / 1024.0));
        }
        let (Some(bare), Some(answers)) = (bare, answers) else { continue };
        let same = &bare.same;
        let compared = [
            ("to start", MOST_INIT, &starts.init, &same.starts.init),
            ("cold", MOST_COLD, &starts.cold, &same.starts.cold),
            ("warm", MOST_WARM, &answers.latency, &same.answers.latency),
        ];
        for (what, most, ours, theirs) in compared {
            let times = ratios(ours, theirs).median();
            if times > most {
                missed.push(format!(
                    "`{function}` takes {times:.2} times as long as a bare function with the same settings {what}, not {most}"
                ));
            }
        }
    }
    missed
}

/// The numbers for other programs.
pub(crate) fn json(measured: &[Measured], how: &Circumstances) -> Value {
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
            "bare": measured.bare.as_ref().map(|bare| {
                let built = |built: &Built| json!({
                    "init_ms": median(&built.starts.init), "cold_ms": median(&built.starts.cold),
                    "warm_ms": median(&built.answers.latency),
                });
                json!({ "name": bare.name, "same_settings": built(&bare.same), "default_settings": built(&bare.default) })
            }),
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
        let built = |cold| Built { size, starts: starts(cold), answers: answers.clone() };
        let bare = Bare { name: "bare".to_owned(), same: built(10.0), default: built(40.0) };
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
    fn both_comparisons_are_named() {
        let how = Circumstances {
            machine: "one".to_owned(),
            date: "2026-11-25".to_owned(),
            command: "cargo xtask bench".to_owned(),
            tls: true,
            starts: 1,
            invocations: 1,
        };
        let text = markdown(&[measured(11.0, 1e6, 1_000_000)], None, &how).unwrap();
        let cold = text.lines().find(|line| line.contains("cold, ms")).unwrap();
        assert!(cold.contains("| 1.10 (1.10–1.10) | 1.1: kept |"), "{cold}");
        assert!(cold.ends_with("| 40.00 (40.00–40.00) | 0.28 (0.28–0.28) |"), "{cold}");
        assert!(text.contains("| `api-orgs` |") && text.contains("| `bare`, same settings |"), "{text}");
    }

    #[test]
    fn each_goal_can_be_missed() {
        assert!(missed(&[measured(11.0, 1e6, 1_000_000)], None).is_empty());
        assert!(missed(&[measured(11.1, 1e6, 1_000_000)], None)[0].contains("1.11 times"));
        assert!(missed(&[measured(10.0, 30e6, 1_000_000)], None)[0].contains("28.6 MiB"));
        assert!(missed(&[measured(10.0, 1e6, 4_000_000)], None)[0].contains("4.00 MB"));
        let passwords = |right, wrong| Passwords {
            hash: vec![10.0; 2],
            right: vec![right; 2],
            wrong: vec![wrong; 2],
            unknown: vec![12.0; 2],
        };
        let missed_with = |right, wrong| missed(&[], Some(&[passwords(12.5, 12.1), passwords(right, wrong)]));
        assert!(missed_with(12.5, 12.1).is_empty());
        assert!(missed_with(12.6, 12.1)[0].contains("512 MB a sign-in with a password takes 1.26 times"));
        assert!(missed_with(12.5, 11.7)[0].contains("3.0 %"));
    }
}
