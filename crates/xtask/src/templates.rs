//! What is said of the templates before they are deployed: that they are well formed, and that they
//! are safe.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{process::run, tools};

/// Where the secrets scan is wrong: a file that has no place for a remark, and why it holds no
/// secret.
const NO_SECRETS: &[(&str, &str)] = &[
    (
        "events/api-devices/list-with-forged-token.json",
        "the token is forged: its signature is of nobody's key",
    ),
    ("crates/identity/tests/data/wycheproof-jws.json", "its tokens are published, and of nobody's"),
    ("crates/identity/tests/data/wycheproof-jwk.json", "its tokens are published, and of nobody's"),
];
/// What is not ours, or made from what is.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules"];

/// The templates: each YAML file that has resources, in the root, among the nested ones and beside
/// the workflows.
pub fn all(root: &Path) -> Result<Vec<PathBuf>> {
    let mut templates = Vec::new();
    let beside = ["stacks", ".github"].map(|folder| fs::read_dir(root.join(folder)).into_iter().flatten());
    let beside = beside.into_iter().flatten();
    for entry in fs::read_dir(root).context("the repository cannot be read")?.chain(beside) {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        if is_yaml && fs::read_to_string(&path)?.lines().any(|line| line == "Resources:") {
            templates.push(path);
        }
    }
    templates.sort();
    ensure!(!templates.is_empty(), "no template in {}", root.display());
    Ok(templates)
}

/// cfn-lint on all, then `sam validate` on the one that is deployed: what it says of a nested one, cfn-lint
/// said.
pub fn lint(root: &Path) -> Result<()> {
    run(tools::command(root, "cfn-lint").args(all(root)?))?;
    // Neither needs an account; without these two it looks for one, and reports home.
    run(tools::command(root, "sam")
        .args(["validate", "--lint", "--config-env", "dev", "--template-file", "template.yaml"])
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("SAM_CLI_TELEMETRY", "0"))
}

/// Where [`policies`] puts what CloudFormation makes of the templates, from the project's directory.
const EXPANDED: &str = "target/expanded";

/// checkov on what CloudFormation makes of each template. Reasons for exceptions stand at the
/// resources and in `.checkov.yaml`.
pub fn policies(root: &Path) -> Result<()> {
    let expanded = root.join(EXPANDED);
    if expanded.is_dir() {
        fs::remove_dir_all(&expanded).context("cannot empty target/expanded")?;
    }
    fs::create_dir_all(&expanded).context("cannot create target/expanded")?;
    // SAM's own translator is a library of the Python that has sam.
    let sam = tools::find(root, "sam").context("sam is not installed")?;
    let python = sam.with_file_name("python");
    for template in all(root)? {
        let name = template.file_stem().unwrap_or_default();
        run(std::process::Command::new(&python)
            .arg(root.join("crates/xtask/python/expand_template.py"))
            .arg(&template)
            .arg(expanded.join(name).with_extension("json")))?;
    }
    // Not the whole path: checkov takes the place of a template for one more variable of its functions, and a
    // place of exactly 40 letters and slashes for a secret key of AWS.
    run(tools::command(root, "checkov").args(["--config-file", ".checkov.yaml", "--directory", EXPANDED]))
}

/// A guess by entropy and by names such as `token`, which push tokens in tests and examples have.
/// Keys of known forms (AWS, Stripe, private keys, JSON web tokens, …) are looked for everywhere.
const GUESS: &str = "CKV_SECRET_6";

/// checkov's search for secrets in the whole repository, whatever a file is called. In a file that
/// has comments, a line is passed over with `checkov:skip=<check>: <reason>` on it.
pub fn secrets(root: &Path) -> Result<()> {
    let known = NO_SECRETS.iter().map(|(path, _)| *path);
    let skipped = NOT_OURS.iter().copied().chain(known).flat_map(|path| ["--skip-path", path]);
    run(tools::command(root, "checkov")
        .args(["--framework", "secrets", "--quiet", "--compact", "--skip-download"])
        .args(["--enable-secret-scan-all-files", "--skip-check", GUESS, "--directory", "."])
        .args(skipped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn templates_are_found_and_other_yaml_is_not() {
        let root = tempfile::tempdir().unwrap();
        assert!(all(root.path()).is_err());
        fs::write(root.path().join("edge.yaml"), "Resources:\n  A: {}\n").unwrap();
        fs::write(root.path().join("other.yaml"), "steps: []\n").unwrap();
        assert_eq!(all(root.path()).unwrap(), [root.path().join("edge.yaml")]);
        let ours = all(&workspace_root()).unwrap();
        for template in ["template.yaml", "stacks/mail.yaml", ".github/deploy-role.yaml"] {
            assert!(ours.contains(&workspace_root().join(template)), "{template}");
        }
    }

    #[test]
    fn what_the_secrets_scan_passes_over_is_there_and_has_a_reason() {
        for (path, reason) in NO_SECRETS {
            assert!(workspace_root().join(path).is_file() && !reason.is_empty(), "{path}");
        }
    }
}
