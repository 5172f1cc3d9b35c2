//! How long it takes from a changed line in a domain to the answer of its test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;

use crate::process::{cargo, run as run_command};

/// What to measure.
#[derive(Args, Debug)]
pub struct Options {
    /// The packages in `crates/` in which a line is changed.
    #[arg(default_values = ["billing", "orgs", "identity", "push"])]
    packages: Vec<String>,
    /// How often the line is changed.
    #[arg(long, default_value_t = 5)]
    times: u32,
}

/// A source file that is as it was when this is dropped.
struct Edited {
    path: PathBuf,
    text: String,
}

impl Edited {
    fn of(path: PathBuf) -> Result<Self> {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path, text })
    }

    /// A line that is compiled, and another one each time.
    fn edit(&self, number: u32) -> Result<()> {
        let line = format!("{}\nconst _: u32 = {number};\n", self.text);
        fs::write(&self.path, line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.text) {
            eprintln!("{} is left changed: {error}", self.path.display());
        }
    }
}

/// Changes a line of each package and runs the package's tests, so and so often; tells the medians.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut lines = Vec::new();
    for package in &options.packages {
        let source = Edited::of(root.join("crates").join(package).join("src/lib.rs"))?;
        // What an earlier build left undone is no part of it.
        measure(root, package, &["--lib"])?;
        measure(root, package, &[])?;
        let mut taken = [Vec::new(), Vec::new()];
        for number in 0..options.times {
            for (at, targets) in [&["--lib"] as &[&str], &[]].into_iter().enumerate() {
                source.edit(2 * number + u32::from(at == 1))?;
                taken[at].push(measure(root, package, targets)?);
            }
        }
        let [unit, all] = taken.map(median);
        lines.push(format!("| `{package}` | {unit:.1} | {all:.1} |"));
    }
    println!("\n| A line in | its unit tests, s | all its tests, s |\n|---|---|---|\n{}", lines.join("\n"));
    Ok(())
}

fn measure(root: &Path, package: &str, targets: &[&str]) -> Result<Duration> {
    let mut command = cargo(root);
    command.args(["test", "--quiet", "--offline", "--package", package]).args(targets);
    let started = Instant::now();
    run_command(&mut command)?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_as_it_was_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        fs::write(&path, "mod rule;\n").unwrap();
        let source = Edited::of(path.clone()).unwrap();
        source.edit(1).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        source.edit(2).unwrap();
        assert!(first.contains("mod rule;") && first != fs::read_to_string(&path).unwrap());
        drop(source);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mod rule;\n");
    }

    #[test]
    fn the_middle_one_counts() {
        assert!((median([3, 1, 2].map(Duration::from_secs).to_vec()) - 2.0).abs() < f64::EPSILON);
    }
}
