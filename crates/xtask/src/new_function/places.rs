//! The lists that name every function: where a new one is added to them.

use anyhow::{Context, Result};

use super::NewFunction;

/// A file of the repository, and its text with the function in it.
pub(super) type Place = (&'static str, fn(&NewFunction, &str) -> Result<String>);

/// What names every function.
const ALL: &[Place] = &[
    ("Cargo.toml", NewFunction::into_workspace),
    ("crates/local/Cargo.toml", into_dependencies),
    ("crates/local/src/functions.rs", into_registry),
    ("docs/decisions/0011-reserved-concurrency.md", into_reservations),
    ("README.md", into_map),
];
/// What names those that answer HTTP besides.
const HTTP: &[Place] = &[
    ("tests/Cargo.toml", into_dependencies),
    ("tests/src/documents/contract.rs", into_contract),
    ("tests/fuzz/requests.rs", into_requests),
];
/// What names the others besides.
const WORKERS: &[Place] = &[
    ("tests/fuzz/messages.rs", into_messages),
    ("docs/access-patterns.md", into_budgets),
    ("docs/cost/usage.yaml", into_usage),
];
/// What names those with a queue besides.
const QUEUES: &[Place] = &[("docs/observability.md", into_alarms)];

impl NewFunction {
    /// The files that name it, and how.
    pub fn places(&self) -> impl Iterator<Item = &'static Place> {
        let queues = if self.kind.takes_events { QUEUES } else { &[] };
        ALL.iter().chain(if self.kind.answers_http { HTTP } else { WORKERS }).chain(queues)
    }
}

fn into_dependencies(function: &NewFunction, manifest: &str) -> Result<String> {
    let line = format!("{} = {{ workspace = true }}", function.name);
    into_list(manifest, "[dependencies]", |line| line.contains(" = {"), &line)
}

fn into_registry(function: &NewFunction, source: &str) -> Result<String> {
    let line = function.fill("    (\"@name@\", |host| Box::pin(@crate@::function(host))),");
    into_list(source, "const FUNCTIONS:", |line| line.starts_with("    (\""), &line)
}

fn into_contract(function: &NewFunction, source: &str) -> Result<String> {
    let line = function.fill("        (\"@name@\", @crate@::routes().into_openapi()),");
    if !function.route.starts_with("/v1") {
        // of the hooks, which nobody reads a description of
        let (before, hooks) = source.split_once("pub fn hooks()").context("contract.rs has no hooks()")?;
        let hooks = hooks.replacen("vec![", &format!("vec![{}", line.trim_start()), 1);
        return Ok(format!("{before}pub fn hooks(){hooks}"));
    }
    let (before, groups) = source.split_once("pub fn groups()").context("contract.rs has no groups()")?;
    let groups = into_list(groups, "vec![", |line| line.starts_with("        (\""), &line)?;
    let tag = function.fill("    (\"@noun@\", \"@description@\"),");
    let is_tag = |line: &str| line.starts_with("    (\"");
    let source = format!("{before}pub fn groups(){groups}");
    append(&source, "const TAGS:", is_tag, |_| true, &tag)
}

fn into_requests(function: &NewFunction, source: &str) -> Result<String> {
    let test = "\n#[test]\nfn @crate@() {\n    every_request_is_answered(\"@name@\", &[], |_| vec![request(\"GET\", \"@route@\", Value::Null)]);\n}\n";
    Ok(into_names(&function.name, source)? + &function.fill(test))
}

fn into_messages(function: &NewFunction, source: &str) -> Result<String> {
    let id = if function.name.starts_with("queue-") { "/messageId" } else { "/" };
    let test =
        "\n#[test]\nfn @crate@() {\n    every_event_is_answered(\"@name@\", \"Records\", \"@id@\");\n}\n";
    Ok(into_names(&function.name, source)? + &function.fill(test).replace("@id@", id))
}

/// With what the scaffold calls: a claim of the message and its end.
fn into_budgets(function: &NewFunction, page: &str) -> Result<String> {
    let (calls, write_units) = if function.kind.takes_events { (2, 2) } else { (0, 0) };
    let row = format!("| `{}` | {calls} | 0 | {write_units} |", function.name);
    append(page, "| Worker | Calls |", |line| line.starts_with('|'), |_| true, &row)
}

fn into_usage(function: &NewFunction, profile: &str) -> Result<String> {
    let row = format!(
        "  # New: say how often it is called, and how long it takes besides its calls.\n  \
         {}: {{organization: 1, per_invocation: 1, besides_milliseconds: 10}}",
        function.name
    );
    append(profile, "workers:", |line| line.starts_with("  "), |_| true, &row)
}

fn into_alarms(function: &NewFunction, page: &str) -> Result<String> {
    const ROWS: &str = "\
        | `@Noun@DeadLettersAlarm` | `@name@` failed on an event five times | [dead letters](runbook.md#drain-dead-letters) |\n\
        | `@Noun@RuleAlarm` | the bus cannot hand events to the queue of `@name@` | as `MailRuleAlarm` |\n\
        | `@Noun@RuleLostAlarm` | an event is lost to the queue of `@name@` | as `MailRuleLostAlarm` |";
    let is_row = |line: &str| line.starts_with('|');
    append(page, "| Alarm | Means |", is_row, |line| line.contains("RuleLostAlarm`"), &function.fill(ROWS))
}

/// Into a list of names, however it is broken into lines.
fn into_names(name: &str, source: &str) -> Result<String> {
    // rustfmt breaks the line behind it where the list is long
    const HEAD: &str = "const FUNCTIONS: &[&str] =";
    let (before, rest) = source.split_once(HEAD).with_context(|| format!("there is no list `{HEAD}`"))?;
    let (names, rest) = rest.split_once("];").context("the list of functions has no end")?;
    let mut names: Vec<&str> = names.split('"').skip(1).step_by(2).chain([name]).collect();
    names.sort_unstable();
    Ok(format!("{before}{HEAD} &[\n    \"{}\",\n];{rest}", names.join("\",\n    \"")))
}

fn into_map(function: &NewFunction, readme: &str) -> Result<String> {
    let runs_on = match function.name.split('-').next() {
        Some("queue") => "its queue, from the bus",
        Some("cron") => "a schedule",
        _ => "`@route@`, `@route@/*`",
    };
    let line = function.fill(&format!("| `@name@` | {runs_on} | @description@ |"));
    let kind = format!("| `{}-", function.name.split('-').next().unwrap_or_default());
    append(
        readme,
        "| Function | Runs on |",
        |line| line.starts_with('|'),
        |line| line.starts_with(&kind),
        &line,
    )
}

fn into_reservations(function: &NewFunction, record: &str) -> Result<String> {
    let number = |text: &str, after: &str| -> Option<u64> {
        let digits = text.split_once(after)?.1.split(|character: char| !character.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    let reserved = number(function.kind.function, "ReservedConcurrentExecutions: ")
        .context("the scaffold reserves nothing")?;
    let line = format!(
        "| `{}` | {reserved} | New: say what it waits for, and what may wait instead. |",
        function.name
    );
    let record = append(
        record,
        "| Function | Reserved |",
        |line| line.starts_with('|'),
        |line| line.starts_with("| `"),
        &line,
    )?;
    let sum = number(&record, "The sum is **").context("the record states no sum")?;
    let left = number(&record, "It leaves ").context("the record does not say what is left")?;
    Ok(record
        .replace(&format!("The sum is **{sum}**"), &format!("The sum is **{}**", sum + reserved))
        .replace(&format!("It leaves {left} of"), &format!("It leaves {} of", left.saturating_sub(reserved)))
        .replace(&format!("at most {sum} callers"), &format!("at most {} callers", sum + reserved)))
}

/// The lines of a list that begins below the line with `heading`: those that are entries.
fn list(lines: &[&str], heading: &str, is_entry: impl Fn(&str) -> bool) -> Result<(usize, usize)> {
    let at = lines.iter().position(|line| line.contains(heading));
    let at = at.with_context(|| format!("there is no list below {heading:?}"))? + 1;
    Ok((at, at + lines[at..].iter().take_while(|line| is_entry(line)).count()))
}

/// Inserts an entry into a list in alphabetical order.
pub(crate) fn into_list(
    text: &str,
    heading: &str,
    is_entry: impl Fn(&str) -> bool,
    entry: &str,
) -> Result<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let (first, end) = list(&lines, heading, is_entry)?;
    let at = first + lines[first..end].iter().take_while(|line| **line < entry).count();
    Ok([&lines[..at], &[entry], &lines[at..]].concat().join("\n"))
}

/// Adds an entry to a list behind the last one that `is_like` it, or at the end.
pub(crate) fn append(
    text: &str,
    heading: &str,
    is_entry: impl Fn(&str) -> bool,
    is_like: impl Fn(&str) -> bool,
    entry: &str,
) -> Result<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let (first, end) = list(&lines, heading, is_entry)?;
    let at = lines[first..end].iter().rposition(|line| is_like(line)).map_or(end, |last| first + last + 1);
    Ok([&lines[..at], &[entry], &lines[at..]].concat().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::workspace_root;

    /// What the repository's own files become.
    fn changed(name: &str, event: Option<&str>) -> Vec<(&'static str, String)> {
        let function = NewFunction::new(name, None, event.map(str::to_owned), None).unwrap();
        let change = |(file, change): &Place| {
            let text = fs::read_to_string(workspace_root().join(file)).unwrap();
            (*file, change(&function, &text).unwrap_or_else(|error| panic!("{file}: {error:#}")))
        };
        function.places().map(change).collect()
    }

    fn text<'a>(changed: &'a [(&str, String)], file: &str) -> &'a str {
        &changed.iter().find(|(name, _)| *name == file).unwrap().1
    }

    fn in_order(text: &str, lines: &[&str]) {
        let places: Vec<_> = lines
            .iter()
            .map(|line| text.find(line).unwrap_or_else(|| panic!("no {line} in {text}")))
            .collect();
        assert!(places.is_sorted(), "{lines:?} {places:?}");
    }

    #[test]
    fn a_function_behind_the_api_is_in_every_list() {
        let changed = changed("api-reports", None);
        let registry = text(&changed, "crates/local/src/functions.rs");
        let line = r#"    ("api-reports", |host| Box::pin(api_reports::function(host))),"#;
        in_order(registry, &[r#"    ("api-orgs", "#, line, r#"    ("cron-"#]);
        for manifest in ["crates/local/Cargo.toml", "tests/Cargo.toml"] {
            let manifest = text(&changed, manifest);
            in_order(
                manifest,
                &["[dependencies]", "api-orgs = {", "api-reports = { workspace = true }", "tokio ="],
            );
        }
        let contract = text(&changed, "tests/src/documents/contract.rs");
        in_order(contract, &[r#"("api-orgs","#, r#"("api-reports", api_reports::routes().into_openapi()),"#]);
        in_order(contract, &[r#"("Well-known", "#, r#"("reports", "Serves reports."),"#, "\n];"]);
        let requests = text(&changed, "tests/fuzz/requests.rs");
        in_order(
            requests,
            &[r#""api-orgs","#, r#""api-reports","#, r#""hook-stripe","#, "fn api_reports() {"],
        );
        let row = "| `api-reports` | `/v1/reports`, `/v1/reports/*` | Serves reports. |";
        in_order(text(&changed, "README.md"), &["| `api-devices` |", row, "| `hook-stripe` |"]);
        let record = text(&changed, "docs/decisions/0011-reserved-concurrency.md");
        in_order(record, &["| `operator` |", "| `api-reports` | 20 |", "The sum is **"]);
    }

    #[test]
    fn a_hook_a_queue_and_a_schedule_are_in_theirs() {
        let hook = changed("hook-partner", None);
        let contract = text(&hook, "tests/src/documents/contract.rs");
        in_order(
            contract,
            &["pub fn hooks()", r#"("hook-partner", hook_partner::routes()"#, "pub fn groups()"],
        );
        let queue = changed("queue-trial-notes", Some("trial.ending"));
        let alarms = ["`TrialNotesDeadLettersAlarm`", "`TrialNotesRuleAlarm`", "`TrialNotesRuleLostAlarm`"];
        in_order(text(&queue, "docs/observability.md"), &alarms);
        in_order(
            text(&queue, "docs/access-patterns.md"),
            &["| `stream-outbox` |", "| `queue-trial-notes` | 2 | 0 | 2 |", "How the larger"],
        );
        let profile = text(&queue, "docs/cost/usage.yaml");
        in_order(profile, &["  cron-trial-expiry: {", "  queue-trial-notes: {organization: 1, ", "mails: {"]);
        let messages = text(&queue, "tests/fuzz/messages.rs");
        let test = r#"every_event_is_answered("queue-trial-notes", "Records", "/messageId");"#;
        in_order(
            messages,
            &[r#""queue-trial-notes","#, r#""rotate-secret","#, "fn queue_trial_notes() {", test],
        );
        assert!(queue.iter().all(|(file, _)| *file != "tests/fuzz/requests.rs"));
        in_order(
            text(&queue, "README.md"),
            &["| `queue-push-", "| `queue-trial-notes` |", "| `rotate-secret` |"],
        );
        let cron = changed("cron-cleaning", None);
        assert!(text(&cron, "README.md").contains("| `cron-cleaning` | a schedule | "));
        assert!(text(&cron, "docs/access-patterns.md").contains("| `cron-cleaning` | 0 | 0 | 0 |\n"));
        let sum = |changed: &[(&str, String)]| {
            let record = text(changed, "docs/decisions/0011-reserved-concurrency.md");
            let sum = record.split_once("The sum is **").unwrap().1.split_once("**").unwrap().0;
            assert!(record.contains(&format!("at most {sum} callers")), "{record}");
            sum.parse::<u64>().unwrap()
        };
        assert!(sum(&hook) > sum(&cron), "{} {}", sum(&hook), sum(&cron));
    }
}
