use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{binaries, emulator::Emulator};
use crate::{
    process::{output, step},
    tools,
};

/// The entry of `samconfig.toml` that is deployed: staging is as production will be, and production
/// refuses an emulator.
const ENVIRONMENT: &str = "staging";
/// What `tests/cloud/account.py` puts into the Stripe secret.
pub const STRIPE_WEBHOOK_SECRET: &str = "whsec_emulated";

/// A deployed stack.
#[derive(Debug, Deserialize)]
pub struct Stack {
    outputs: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
    #[serde(skip)]
    endpoint: String,
}

impl Stack {
    /// Builds the functions, prepares the account as the runbook says, and deploys with the
    /// runbook's command.
    pub fn deploy(root: &Path, emulator: &Emulator) -> Result<Self> {
        let folder = emulator.folder().join("stage");
        fs::create_dir_all(&folder)?;
        step("building the functions", || binaries::stage(root, &folder)).0?;
        account(root, emulator, "prepare")?;
        step("sam deploy", || sam_deploy(root, emulator, &folder)).0?;
        account(root, emulator, "complete")?;
        let described = account(root, emulator, "describe")?;
        let stack: Self = serde_json::from_str(&described).context("account.py describes no stack")?;
        Ok(Self { endpoint: emulator.url().to_owned(), ..stack })
    }

    /// The URL of the API's stage, without a slash at the end. On AWS the id is in the host name;
    /// here it is in the path.
    pub fn url(&self) -> String {
        let host = self.output("ApiUrl").trim_start_matches("https://");
        let id = host.split('.').next().unwrap_or_default();
        format!("{}/restapis/{id}/{ENVIRONMENT}/_user_request_", self.endpoint)
    }

    /// One of the template's outputs.
    ///
    /// # Panics
    /// Where the template has no such output.
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the template has no output {name}"))
    }

    /// The name that a resource got: a table's or a function's name, a queue's URL, a topic's or a
    /// secret's ARN.
    ///
    /// # Panics
    /// Where the template has no such resource.
    pub fn resource(&self, logical_id: &str) -> &str {
        self.resources.get(logical_id).unwrap_or_else(|| panic!("the template has no resource {logical_id}"))
    }
}

fn account(root: &Path, emulator: &Emulator, command: &str) -> Result<String> {
    let python =
        tools::emulator(root).context("the emulated AWS is not installed; run `cargo xtask tools`")?;
    let script = root.join("tests").join("cloud").join("account.py");
    let arguments = [script, PathBuf::from(command), root.join("samconfig.toml"), PathBuf::from(ENVIRONMENT)];
    output(emulator.command(&python).args(arguments))
}

fn sam_deploy(root: &Path, emulator: &Emulator, folder: &Path) -> Result<()> {
    let sam = tools::find(root, "sam").context("sam is not installed; run `cargo xtask tools`")?;
    let log = emulator.folder().join("deploy.log");
    let file = File::create(&log)?;
    let mut command: Command = emulator.command(&sam);
    let status = command
        .args(["deploy", "--config-env", ENVIRONMENT, "--no-progressbar"])
        .current_dir(folder)
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .context("cannot start sam")?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(&log).unwrap_or_default();
    bail!("the stack cannot be deployed:\n{}\nAll of it: {}", failures(&text), log.display())
}

/// What of SAM's table of events tells why: the rows of failures, and the error at the end.
fn failures(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let starts_a_row = |line: &&str| !line.starts_with(' ');
    let mut told = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.contains("_FAILED ") {
            told.push(*line);
            told.extend(lines[at + 1..].iter().take_while(|line| !starts_a_row(line)));
        } else if line.starts_with("Error:") {
            told.extend(&lines[at..]);
            break;
        }
    }
    told.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_deployment_tells_which_resource_failed_and_why() {
        let text = "CREATE_COMPLETE  AWS::SQS::Queue  Mail\nCREATE_FAILED   AWS::SNS::Topic  Alarms  no such\n                                 key\nDELETE_COMPLETE  AWS::SQS::Queue\n\nError: rolled back\n";
        let told = "CREATE_FAILED   AWS::SNS::Topic  Alarms  no such\n                                 key\nError: rolled back";
        assert_eq!(failures(text), told);
    }
}
