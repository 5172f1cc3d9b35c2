//! Sends the sample events to the functions that `cargo lambda watch` runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    process::{output, step},
    tools,
};

/// What to send, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// Only the samples of these functions.
    functions: Vec<String>,
    /// The address that `cargo lambda watch` listens on.
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
    /// The port that `cargo lambda watch` listens on.
    #[arg(long, default_value_t = 9000)]
    port: u16,
}

/// One sample: the function that it is for and the file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    function: String,
    file: PathBuf,
}

/// The samples are `events/<function>/<case>.json`, for every folder that is a function's.
fn samples(root: &Path, wanted: &[String]) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for folder in fs::read_dir(root.join("events")).context("there is no events/ folder")? {
        let folder = folder?.path();
        let function = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let chosen = wanted.is_empty() || wanted.contains(&function);
        if !chosen || !root.join("functions").join(&function).is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                samples.push(Sample { function: function.clone(), file });
            }
        }
    }
    samples.sort();
    ensure!(!samples.is_empty(), "no sample events for {wanted:?}; they are events/<function>/<case>.json");
    Ok(samples)
}

/// Sends the samples one after the other; fails when an answer is a failure.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let Some(cargo_lambda) = tools::find(root, "cargo-lambda") else {
        bail!("cargo-lambda is not installed; run `cargo xtask tools`");
    };
    let samples = samples(root, &options.functions)?;
    let mut failed = 0;
    for sample in &samples {
        let shown = sample.file.strip_prefix(root).unwrap_or(&sample.file).display();
        let (result, _) = step(&format!("{} ← {shown}", sample.function), || {
            let mut command = Command::new(&cargo_lambda);
            command.current_dir(root).args(["lambda", "invoke", &sample.function]);
            command.args(["--invoke-address", &options.address, "--invoke-port", &options.port.to_string()]);
            command.arg("--data-file").arg(&sample.file);
            let answer = output(&mut command)
                .context("is the local stack running, and `cargo lambda watch` with its environment?")?;
            println!("{}", answer.trim());
            judge(&answer)
        });
        failed += usize::from(result.is_err());
    }
    ensure!(failed == 0, "{failed} of {} samples failed", samples.len());
    println!("all {} samples answered", samples.len());
    Ok(())
}

/// A sample may be refused (4xx), but not break a function, nor leave messages of a batch behind.
fn judge(answer: &str) -> Result<()> {
    let answer: Value = serde_json::from_str(answer).context("the answer is no JSON")?;
    if let Some(status) = answer["statusCode"].as_u64() {
        ensure!(status < 500, "HTTP status {status}");
    }
    if let Some(error) = answer["errorMessage"].as_str() {
        bail!("the function failed: {error}");
    }
    let left = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
    ensure!(left == 0, "{left} of the batch would be delivered again");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_belong_to_functions() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        for folder in ["events/queue-mail", "events/schemas", "functions/queue-mail"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        for file in ["events/queue-mail/welcome.json", "events/queue-mail/notes.md", "events/schemas/a.json"]
        {
            fs::write(path.join(file), "{}").unwrap();
        }
        let file = path.join("events/queue-mail/welcome.json");
        assert_eq!(samples(path, &[]).unwrap(), [Sample { function: "queue-mail".to_owned(), file }]);
        assert!(samples(path, &["queue-post".to_owned()]).is_err());
    }

    #[test]
    fn an_answer_shows_whether_it_went_well() {
        assert!(judge(r#"{"statusCode":202,"body":""}"#).is_ok());
        assert!(judge(r#"{"statusCode":404,"body":""}"#).is_ok());
        assert!(judge(r#"{"batchItemFailures":[]}"#).is_ok());
        assert!(judge("null").is_ok());
        assert!(judge(r#"{"statusCode":502}"#).is_err());
        assert!(judge(r#"{"errorMessage":"boom","errorType":"Panic"}"#).is_err());
        assert!(judge(r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#).is_err());
        assert!(judge("boom").is_err());
    }
}
