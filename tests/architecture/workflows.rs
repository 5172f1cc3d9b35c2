//! What runs on GitHub: pinned actions, no more rights than are needed, and no keys of AWS.

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use system_tests::{conditions, template::repository};

use crate::{assert_none, assert_noticed};

/// The workflows, as text, by file name.
fn workflows() -> BTreeMap<String, String> {
    let entries =
        fs::read_dir(repository().join(".github/workflows")).expect("there are workflows").flatten();
    let text = |path| fs::read_to_string(path).expect("a workflow is readable");
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), text(entry.path()))).collect()
}

fn rule(workflows: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, text) in workflows {
        let workflow: Value = serde_yaml_ng::from_str(text).expect("a workflow is YAML");
        problems.extend(pins(file, text));
        problems.extend(rights(file, &workflow));
        problems.extend(secrets(file, text));
        problems.extend(jobs(file, &workflow));
        problems.extend(tokens(file, &workflow));
        problems.extend(locked(file, text));
    }
    problems
}

/// A tag can be moved to other code, a commit cannot.
fn pins(file: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for line in text.lines() {
        let Some(uses) = line.trim().trim_start_matches("- ").strip_prefix("uses: ") else { continue };
        if uses.starts_with("./") {
            continue;
        }
        let (action, comment) = uses.split_once('#').unwrap_or((uses, ""));
        let commit = action.trim().rsplit('@').next().unwrap_or_default();
        if commit.len() != 40 || !commit.chars().all(|digit| digit.is_ascii_hexdigit()) {
            problems
                .push(format!("{file}: pin {} to a full commit, with the version behind it.", action.trim()));
        } else if !comment.trim().starts_with('v') {
            problems.push(format!("{file}: write the version behind {}, as `# v1.2.3`.", action.trim()));
        }
    }
    problems
}

/// What a workflow may do without being told is much.
fn rights(file: &str, workflow: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    match workflow["permissions"].as_object() {
        Some(all) if all.iter().all(|(name, right)| name == "contents" && right == "read") => {}
        Some(_) => problems
            .push(format!("{file}: the whole workflow may read contents only; give the rest to a job.")),
        None => problems.push(format!("{file}: declare `permissions` for the whole workflow.")),
    }
    for (name, job) in workflow["jobs"].as_object().into_iter().flatten() {
        let token = job["permissions"]["id-token"] == "write";
        // A job that calls a workflow cannot have an environment: the called job has it. One that
        // runs nothing of ours needs none: what AWS trusts is the environment.
        let runs = job["steps"].as_array().into_iter().flatten().any(|step| step["run"].is_string());
        if token && job["environment"].is_null() && job["uses"].is_null() && runs {
            problems.push(format!(
                "{file}: {name} can ask AWS for credentials; give it an `environment`, whose rules say who approves."
            ));
        }
    }
    let triggers = workflow["on"].to_string();
    for dangerous in ["pull_request_target", "workflow_run"] {
        if triggers.contains(dangerous) {
            problems.push(format!(
                "{file}: {dangerous} runs with our rights for what others wrote; use pull_request."
            ));
        }
    }
    problems
}

/// Whatever runs in a job with `id-token: write` can ask for the token: no compiler, no package
/// without its hash; and no two of them at once.
fn tokens(file: &str, workflow: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let jobs = workflow["jobs"].as_object().into_iter().flatten();
    for (name, job) in
        jobs.filter(|(_, job)| job["permissions"]["id-token"] == "write" && job["uses"].is_null())
    {
        for run in job["steps"].as_array().into_iter().flatten().filter_map(|step| step["run"].as_str()) {
            for compiler in ["cargo ", "rustup ", "npm ", "npx ", "go build", "make "] {
                if run.contains(compiler) {
                    problems.push(format!(
                        "{file}: {name} runs {compiler:?} where a token can be asked for; build in a job without rights."
                    ));
                }
            }
            if run.contains("pip install")
                && !(run.contains("--require-hashes") && run.contains("--only-binary :all:"))
            {
                problems.push(format!("{file}: {name} installs packages beside its token without --require-hashes --only-binary :all:."));
            }
        }
        let group = job["concurrency"]["group"].as_str().unwrap_or_default();
        if !job["environment"].is_null()
            && (!group.contains("inputs.environment") || job["concurrency"]["cancel-in-progress"] != false)
        {
            problems.push(format!(
                "{file}: give {name} a `concurrency` for its environment, which cancels nothing."
            ));
        }
    }
    problems
}

/// What is built is what `Cargo.lock` says.
fn locked(file: &str, text: &str) -> Vec<String> {
    let builds = text.lines().map(str::trim).filter(|line| {
        ["cargo lambda build", "cargo build", "cargo install"].iter().any(|build| line.contains(build))
    });
    builds
        .filter(|line| !line.contains("--locked"))
        .map(|line| format!("{file}: build with --locked: {line}"))
        .collect()
}

fn secrets(file: &str, text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let keys = ["aws_access_key_id", "aws_secret_access_key", "aws-access-key-id", "aws-secret-access-key"];
    let found = keys.iter().filter(|key| lower.contains(**key));
    found.map(|key| format!("{file}: {key} is a key that never ends; use role-to-assume.")).collect()
}

fn jobs(file: &str, workflow: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, job) in workflow["jobs"].as_object().into_iter().flatten() {
        if job["uses"].is_null() && job["timeout-minutes"].is_null() {
            problems.push(format!(
                "{file}: {name} has no timeout-minutes; a job that hangs is paid for six hours."
            ));
        }
        for step in job["steps"].as_array().into_iter().flatten() {
            let checkout = step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@"));
            if checkout && step["with"]["persist-credentials"] != false {
                problems
                    .push(format!("{file}: {name} leaves a token behind; say persist-credentials: false."));
            }
        }
    }
    problems
}

/// What the deployments are told agrees with `samconfig.toml`.
fn environments(deploy: &str) -> Vec<String> {
    let workflow: Value = serde_yaml_ng::from_str(deploy).expect("a workflow is YAML");
    let mut problems = Vec::new();
    for (name, job) in workflow["jobs"].as_object().into_iter().flatten() {
        let Some(environment) = job["with"]["environment"].as_str() else { continue };
        let parameters = conditions::overrides(environment);
        if !parameters.contains_key("PublicApiUrl") {
            problems.push(format!(
                "deploy.yml: {name} deploys {environment}, which samconfig.toml does not know."
            ));
        } else if (parameters.get("Edge").map(String::as_str) == Some("on")) != (job["with"]["edge"] == true)
        {
            problems.push(format!("deploy.yml: say `edge` for {environment} as samconfig.toml says Edge."));
        }
    }
    problems
}

/// The workflows with one piece of text changed, to see that the rule notices.
fn broken(file: &str, from: &str, to: &str) -> Vec<String> {
    let mut workflows = workflows();
    let text = workflows.get_mut(file).expect("there is this workflow");
    assert!(text.contains(from), "{file} has no {from:?}");
    *text = text.replacen(from, to, 1);
    rule(&workflows)
}

#[test]
fn workflows_are_pinned_and_have_few_rights() {
    assert!(workflows().len() > 3, "the workflows were not read");
    assert_none(&rule(&workflows()));
}

#[test]
fn an_action_that_is_not_pinned_is_noticed() {
    let commit = "@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2";
    assert_noticed(&broken("test.yml", commit, "@v4"), "test.yml: pin actions/checkout@v4 to a full commit");
    let only = "@11bd71901bbe5b1630ceea73d27597364c9af683";
    assert_noticed(&broken("test.yml", commit, only), "write the version behind actions/checkout@11bd");
}

#[test]
fn missing_or_wide_permissions_are_noticed() {
    let own = "permissions:\n  contents: read\n";
    assert_noticed(&broken("test.yml", own, ""), "test.yml: declare `permissions`");
    assert_noticed(
        &broken("test.yml", own, "permissions:\n  contents: write\n"),
        "test.yml: the whole workflow may read contents only",
    );
}

#[test]
fn a_trigger_that_runs_the_code_of_others_is_noticed() {
    let problems = broken("test.yml", "  pull_request:\n", "  pull_request_target:\n");
    assert_noticed(&problems, "test.yml: pull_request_target runs with our rights");
}

#[test]
fn a_key_of_aws_is_noticed() {
    let problems = broken(
        "deploy-to.yml",
        "role-to-assume: ${{ vars.AWS_ROLE_ARN }}",
        "aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}",
    );
    assert_noticed(&problems, "deploy-to.yml: aws_access_key_id is a key that never ends");
}

#[test]
fn credentials_without_an_environment_are_noticed() {
    let problems = broken("deploy-to.yml", "    environment: ${{ inputs.environment }}\n", "");
    assert_noticed(&problems, "deploy-to.yml: deploy can ask AWS for credentials");
}

#[test]
fn a_compiler_a_package_without_hash_and_an_unlocked_build_are_noticed() {
    let problems = broken(
        "deploy-to.yml",
        "          python3 -m venv target/tools/sam\n",
        "          cargo xtask tools sam\n",
    );
    assert_noticed(&problems, "deploy-to.yml: deploy runs \"cargo \" where a token can be asked for");
    let problems = broken("deploy-to.yml", "--require-hashes ", "");
    assert_noticed(&problems, "deploy-to.yml: deploy installs packages beside its token");
    let problems = broken("deploy-to.yml", "group: deploy-${{ inputs.environment }}", "group: deploy");
    assert_noticed(&problems, "deploy-to.yml: give deploy a `concurrency` for its environment");
    let problems = broken("package.yml", " --locked", "");
    assert_noticed(&problems, "package.yml: build with --locked: cargo lambda build");
}

#[test]
fn a_job_without_an_end_and_a_token_left_behind_are_noticed() {
    assert_noticed(
        &broken("test.yml", "    timeout-minutes: 90\n", ""),
        "test.yml: check has no timeout-minutes",
    );
    let problems = broken("test.yml", "{persist-credentials: false}", "{persist-credentials: true}");
    assert_noticed(&problems, "test.yml: check leaves a token behind");
}

#[test]
fn deployments_agree_with_the_configuration_of_sam() {
    let deploy = &workflows()["deploy.yml"];
    assert!(deploy.contains("environment: prod"), "deploy.yml deploys production");
    assert_none(&environments(deploy));
    let unknown = deploy.replacen("environment: dev", "environment: test", 1);
    assert_noticed(&environments(&unknown), "deploys test, which samconfig.toml does not know");
    let without_edge = deploy.replacen("environment: prod, edge: true", "environment: prod, edge: false", 1);
    assert_noticed(&environments(&without_edge), "say `edge` for prod");
}
