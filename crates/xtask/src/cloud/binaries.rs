use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{cargo, run};

/// Builds the functions for this machine as `cargo test --workspace` does, so that nothing is built
/// twice, and gives name and place of each.
pub(super) fn build(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    // Naming a test selects the features that the tests are built with. Without it the AWS SDK
    // would be built again.
    let arguments = ["build", "--workspace", "--locked", "--bins", "--test", "deployed"];
    let output = cargo(root)
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the functions do not build; see above");
    let functions = root.join("functions");
    let built = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| binary(line, &functions));
    Ok(built.collect())
}

/// The function that a line of cargo's report says was built.
fn binary(line: &[u8], functions: &Path) -> Option<(String, PathBuf)> {
    let report: Value = serde_json::from_slice(line).ok()?;
    let of_a_function = Path::new(report["manifest_path"].as_str()?).starts_with(functions);
    let is_binary = report["target"]["kind"][0] == "bin";
    let executable = report["executable"].as_str()?;
    (of_a_function && is_binary)
        .then(|| Some((report["target"]["name"].as_str()?.to_owned(), executable.into())))
        .flatten()
}

/// Puts the template and the functions into a folder of their own, laid out as `CodeUri` wants it,
/// so that what `cargo lambda build` put into `target/lambda` is neither used nor overwritten.
pub(super) fn stage(root: &Path, folder: &Path) -> Result<()> {
    for (name, executable) in build(root)? {
        let place = folder.join("target").join("lambda").join(name);
        fs::create_dir_all(&place).context("cannot create the folder of a function")?;
        // Without symbols the packages are half as large.
        run(Command::new("strip").arg("-o").arg(place.join("bootstrap")).arg(executable))?;
    }
    fs::create_dir_all(folder.join("stacks")).context("cannot create the folder of nested templates")?;
    for place in ["", "stacks"] {
        for entry in fs::read_dir(root.join(place)).context("cannot list the workspace")? {
            let file = entry?.path();
            let name = file.file_name().unwrap_or_default();
            if file.extension().is_some_and(|extension| extension == "yaml") || name == "samconfig.toml" {
                fs::copy(&file, folder.join(place).join(name)).context("cannot copy the template")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_found_in_what_cargo_reports() {
        let line = |package: &str, kind: &str, executable: Value| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "manifest_path": format!("/code/{package}/Cargo.toml"),
                "target": {"kind": [kind], "name": "api-auth"},
                "executable": executable,
            })
            .to_string()
        };
        let find = |line: String| binary(line.as_bytes(), Path::new("/code/functions"));
        let found = find(line("functions/api-auth", "bin", "/code/target/debug/api-auth".into()));
        assert_eq!(found, Some(("api-auth".to_owned(), "/code/target/debug/api-auth".into())));
        assert_eq!(find(line("functions/api-auth", "lib", Value::Null)), None);
        assert_eq!(find(line("crates/local", "bin", "/code/target/debug/local".into())), None);
        assert_eq!(find(r#"{"reason":"build-finished"}"#.to_owned()), None);
    }
}
