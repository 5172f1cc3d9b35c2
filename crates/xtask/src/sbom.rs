//! The bill of materials of each function: which crates, in which versions, are in what is
//! deployed.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    process::{packages, run},
    tools,
};

/// What Lambda runs on; other platforms have other dependencies.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// What a function cannot be without: a bill that lacks it was not made from what is deployed.
const ALWAYS: &[&str] = &["lambda-host", "lambda_runtime", "tokio"];

/// Writes `target/sbom/<function>.cdx.json` for each function, and fails where one is not what it
/// should be.
pub fn write(root: &Path) -> Result<()> {
    let folder = root.join("target").join("sbom");
    if folder.is_dir() {
        fs::remove_dir_all(&folder).context("cannot empty target/sbom")?;
    }
    fs::create_dir_all(&folder).context("cannot create target/sbom")?;
    run(tools::command(root, "cargo-cyclonedx")
        .args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"])
        .args(["--describe", "binaries", "--target", TARGET, "--no-build-deps"]))?;
    let moved = move_bills(root, &folder)?;
    let functions = packages(&root.join("functions"))?;
    for function in &functions {
        let name = name(function);
        let bill = folder.join(format!("{name}.cdx.json"));
        let text = fs::read_to_string(&bill)
            .with_context(|| format!("{name} has no bill of materials; has it a program?"))?;
        let components = inspect(&text, &name)?;
        println!("{} ({components} components)", bill.display());
    }
    ensure!(moved >= functions.len(), "only {moved} bills of materials were written");
    Ok(())
}

/// cargo-cyclonedx writes beside each manifest: the functions' bills are kept, those of tools are
/// not.
fn move_bills(root: &Path, folder: &Path) -> Result<usize> {
    let mut moved = 0;
    let packages =
        [packages(&root.join("functions"))?, packages(&root.join("crates"))?, vec![root.join("tests")]];
    for package in packages.into_iter().flatten() {
        for entry in fs::read_dir(&package)?.flatten() {
            let path = entry.path();
            if !path.to_string_lossy().ends_with(".cdx.json") {
                continue;
            }
            if package.parent() == Some(&root.join("functions")) {
                // of the same disk: both are in the workspace
                fs::rename(&path, folder.join(format!("{}.cdx.json", name(&package))))?;
                moved += 1;
            } else {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(moved)
}

fn name(package: &Path) -> String {
    package.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The number of components of a function's bill, if it is one.
fn inspect(text: &str, function: &str) -> Result<usize> {
    let bill: Value =
        serde_json::from_str(text).with_context(|| format!("the bill of {function} is no JSON"))?;
    ensure!(bill["bomFormat"] == "CycloneDX", "the bill of {function} is not CycloneDX");
    let described = &bill["metadata"]["component"]["name"];
    ensure!(*described == *function, "the bill of {function} describes {described}");
    let components = bill["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    for always in ALWAYS {
        let listed = components.iter().any(|component| component["name"] == **always);
        ensure!(listed, "the bill of {function} does not list {always}");
    }
    Ok(components.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bill(name: &str, components: &[&str]) -> String {
        let components: Vec<_> = components.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "bomFormat": "CycloneDX",
            "metadata": { "component": { "name": name } },
            "components": components,
        })
        .to_string()
    }

    #[test]
    fn a_bill_of_something_else_is_noticed() {
        assert_eq!(inspect(&bill("queue-mail", ALWAYS), "queue-mail").unwrap(), ALWAYS.len());
        let problem = |text: &str| inspect(text, "queue-mail").unwrap_err().to_string();
        assert!(problem(&bill("xtask", ALWAYS)).contains("describes \"xtask\""));
        assert!(problem(&bill("queue-mail", &["tokio"])).contains("does not list lambda-host"));
        assert!(problem("{}").contains("not CycloneDX"));
        assert!(problem("").contains("no JSON"));
    }

    #[test]
    fn bills_of_functions_are_kept_and_those_of_tools_are_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sbom");
        for place in ["functions/api-one", "crates/tool", "tests", "sbom"] {
            fs::create_dir_all(root.path().join(place)).unwrap();
            fs::write(root.path().join(place).join("Cargo.toml"), "").unwrap();
        }
        let files = [
            "functions/api-one/api-one_bin.cdx.json",
            "crates/tool/tool_bin.cdx.json",
            "tests/generate_bin.cdx.json",
        ];
        for file in files {
            fs::write(root.path().join(file), "{}").unwrap();
        }
        assert_eq!(move_bills(root.path(), &folder).unwrap(), 1);
        assert!(folder.join("api-one.cdx.json").is_file());
        assert!(files.iter().all(|file| !root.path().join(file).exists()));
    }
}
