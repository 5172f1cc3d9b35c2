//! Runs other programs and tells how long they took.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// The folder of the workspace.
pub fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The folders in this one that are packages, sorted.
pub(crate) fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut packages: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .collect();
    packages.sort();
    Ok(packages)
}

/// `cargo`, in the workspace: the one that runs us.
pub fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Runs a command with its output shown, and fails with what was run when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`; is it installed?"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Runs a command and gives what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("cannot start `{shown}`; is it installed?"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed ({}): {}", output.status, errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote no UTF-8"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs work under a heading, and says at the end how it went and how long it took.
pub fn step(title: &str, work: impl FnOnce() -> Result<()>) -> (Result<()>, Duration) {
    println!("── {title}");
    let started = Instant::now();
    let result = work();
    let taken = started.elapsed();
    match &result {
        Ok(()) => println!("── {title}: good, {}", seconds(taken)),
        Err(error) => println!("── {title}: FAILED, {}: {error:#}", seconds(taken)),
    }
    (result, taken)
}

/// A duration as people read it, such as `1 min 4 s` or `0.8 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 60 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(seconds(Duration::from_millis(840)), "0.8 s");
        assert_eq!(seconds(Duration::from_secs(64)), "1 min 4 s");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("false").arg("--really")).unwrap_err();
        assert!(error.to_string().starts_with("`false --really` failed"), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("is it installed?"), "{error}");
    }
}
