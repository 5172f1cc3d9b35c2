//! Does what docs/tutorial.md says, in a copy of the workspace: so the page stays true.
//!
//! Three kinds of its code blocks are done, in their order; all others are for reading. A block
//! whose first line reads ```` ```sh run ```` is a script. One that names a file behind its
//! language, as in
//! ```` ```rust crates/projects/src/lib.rs ````, is that file. One in `diff` changes files.

use std::{
    fs,
    io::Write as _,
    path::{Component, Path},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{cargo, run as run_command, seconds};

const PAGE: &str = "docs/tutorial.md";

/// What a block of the page asks for.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Run(String),
    Write(&'a str, String),
    Change(String),
}

/// Follows the page from its first line to its last.
pub fn run(root: &Path) -> Result<()> {
    let page = fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let steps = steps(&page)?;
    ensure!(!steps.is_empty(), "{PAGE} has no step");
    let copy = root.join("target").join("tutorial");
    copy_workspace(root, &copy)?;
    let began = std::time::Instant::now();
    for (number, (line, step)) in steps.iter().enumerate() {
        println!("── {PAGE}:{line} (step {} of {}, {})", number + 1, steps.len(), seconds(began.elapsed()));
        take(&copy, root, step).with_context(|| format!("{PAGE}:{line} does not work any more"))?;
    }
    Ok(())
}

/// What is tracked or new here, in a repository of its own, so that nothing reaches this one.
fn copy_workspace(root: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy).with_context(|| format!("cannot empty {}", copy.display()))?;
    }
    let list = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git is needed")?;
    ensure!(list.status.success(), "git lists no files: {}", String::from_utf8_lossy(&list.stderr));
    let files = String::from_utf8(list.stdout).context("the name of a file is not UTF-8")?;
    for file in files.split('\0').filter(|file| !file.is_empty() && root.join(file).is_file()) {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(root.join(file), &to).with_context(|| format!("cannot copy {file}"))?;
    }
    run_command(Command::new("git").args(["init", "--quiet"]).current_dir(copy))?;
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).context("the workspace has a manifest")?;
    fs::write(&manifest, of_its_own(&text)?)?;
    run_command(cargo(copy).args(["update", "--workspace", "--offline", "--quiet"]))
}

/// The manifest with another version for our own packages: cargo tells packages of two folders
/// apart by it, and would else take what it compiled of one for the other, since both are compiled
/// in one place.
fn of_its_own(manifest: &str) -> Result<String> {
    let (before, ours) = manifest.split_once("[workspace.package]").context("packages share a version")?;
    let (version, rest) = ours.split_once("\"\n").context("the version is a line")?;
    ensure!(version.trim_start().starts_with("version = "), "the version is the first line");
    Ok(format!("{before}[workspace.package]{version}-tutorial\"\n{rest}"))
}

fn take(copy: &Path, root: &Path, step: &Step<'_>) -> Result<()> {
    match step {
        Step::Run(script) => run_command(
            Command::new("bash")
                .args(["-euo", "pipefail", "-c", script])
                .current_dir(copy)
                // What both depend on is compiled once; programs lie apart.
                .env("CARGO_BUILD_BUILD_DIR", root.join("target"))
                // Its steps compile the same again and again.
                .env("CARGO_INCREMENTAL", "1")
                // What somebody has half written may have warnings.
                .env_remove("RUSTC_WORKSPACE_WRAPPER")
                .env_remove("CARGO_TARGET_DIR"),
        ),
        Step::Write(file, text) => {
            let to = copy.join(file);
            fs::create_dir_all(to.parent().context("a file has a folder")?)?;
            fs::write(to, text).with_context(|| format!("cannot write {file}"))
        }
        Step::Change(diff) => {
            let mut git = Command::new("git")
                .args(["apply", "--recount", "--whitespace=nowarn", "-"])
                .current_dir(copy)
                .stdin(Stdio::piped())
                .spawn()
                .context("git is needed")?;
            git.stdin.take().context("git reads no change")?.write_all(diff.as_bytes())?;
            ensure!(git.wait()?.success(), "the change does not fit the files:\n{diff}");
            Ok(())
        }
    }
}

/// The steps, and the line that each begins in.
fn steps(page: &str) -> Result<Vec<(usize, Step<'_>)>> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut text = String::new();
        loop {
            let Some((_, line)) = lines.next() else { bail!("{PAGE}:{}: the block has no end", number + 1) };
            if line == "```" {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        let step = match info.split_once(' ') {
            Some(("sh", "run")) => Step::Run(text),
            Some((_, file)) => {
                let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
                ensure!(inside, "{PAGE}:{}: {file:?} is no file of this workspace", number + 1);
                Step::Write(file, text)
            }
            None if info == "diff" => Step::Change(text),
            None => continue,
        };
        steps.push((number + 1, step));
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_scripts_files_and_changes_and_others_are_for_reading() {
        let page = "# Page\n```sh run\nls\n```\ntext\n```console\n$ ls\n```\n\
            ```rust crates/projects/src/lib.rs\n//! Projects.\n\nmod a;\n```\n```diff\n-a\n+b\n```\n";
        let steps = steps(page).unwrap();
        assert_eq!(
            steps,
            [
                (2, Step::Run("ls\n".to_owned())),
                (9, Step::Write("crates/projects/src/lib.rs", "//! Projects.\n\nmod a;\n".to_owned())),
                (14, Step::Change("-a\n+b\n".to_owned())),
            ]
        );
    }

    #[test]
    fn the_copy_has_a_version_of_its_own() {
        let manifest = "[workspace]\n\n[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        assert_eq!(of_its_own(manifest).unwrap(), manifest.replace("0.1.0", "0.1.0-tutorial"));
        let real = fs::read_to_string(crate::process::workspace_root().join("Cargo.toml")).unwrap();
        assert!(of_its_own(&real).unwrap().contains("-tutorial\""));
        assert!(of_its_own("[workspace]\n").is_err());
    }

    #[test]
    fn a_block_without_an_end_and_a_file_elsewhere_are_refused() {
        assert!(steps("```sh run\nls\n").is_err());
        for file in ["../x", "/etc/passwd", "crates/../../x"] {
            assert!(steps(&format!("```rust {file}\n```\n")).is_err(), "{file}");
        }
    }

    #[test]
    fn a_step_that_fails_says_where_it_stands() {
        let copy = tempfile::tempdir().unwrap();
        let take = |step| take(copy.path(), copy.path(), &step);
        run_command(Command::new("git").args(["init", "--quiet"]).current_dir(copy.path())).unwrap();
        take(Step::Write("a/b.txt", "one\ntwo\n".to_owned())).unwrap();
        let change = "--- a/a/b.txt\n+++ b/a/b.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
        take(Step::Change(change.to_owned())).unwrap();
        assert_eq!(fs::read_to_string(copy.path().join("a/b.txt")).unwrap(), "one\nthree\n");
        assert!(take(Step::Change(change.to_owned())).is_err(), "it is changed already");
        take(Step::Run("grep --quiet three a/b.txt".to_owned())).unwrap();
        assert!(take(Step::Run("false\ntrue".to_owned())).is_err(), "the first failure ends it");
    }
}
