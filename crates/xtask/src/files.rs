//! Reads and writes the files of the workspace, for the commands that add to it.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::process::cargo;

/// The text of a file of the workspace.
pub(crate) fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

/// Writes files, each with the folders that it is in. Whoever adds to the workspace makes
/// everything first and writes it at once, so that a refusal leaves nothing behind.
pub(crate) fn write<F: AsRef<str>>(root: &Path, files: impl IntoIterator<Item = (F, String)>) -> Result<()> {
    for (file, text) in files {
        let (file, path) = (file.as_ref(), root.join(file.as_ref()));
        let folder = path.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(())
}

/// What follows on written code: lists are written one entry a line, and how they are broken is
/// rustfmt's; every other command reads Cargo.lock as it is. What was written is there without
/// either too.
pub(crate) fn tidy(root: &Path) {
    for arguments in [["fmt", "--all"].as_slice(), &["update", "--workspace", "--offline", "--quiet"]] {
        if !cargo(root).args(arguments).status().is_ok_and(|status| status.success()) {
            eprintln!("`cargo {}` failed; run it yourself", arguments.join(" "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_also_in_a_new_folder() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), [("a/b/c.txt", "one".to_owned()), ("d.txt", "two".to_owned())]).unwrap();
        assert_eq!(read(root.path(), "a/b/c.txt").unwrap(), "one");
        assert_eq!(read(root.path(), "d.txt").unwrap(), "two");
        assert_eq!(read(root.path(), "e.txt").unwrap_err().to_string(), "cannot read e.txt");
        assert!(write(root.path(), [("d.txt/x", String::new())]).is_err());
    }
}
