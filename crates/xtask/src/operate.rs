//! Has the function `operator` carry out a command. What commands there are and what they answer is
//! that function's (`functions/operator`); here they are sent, page by page to the end.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::process::output;

/// What to do, and where.
#[derive(Args, Debug)]
pub struct Options {
    /// The stack, such as `gantry-prod`; `local` is a running `cargo dev`. Else the AWS command
    /// line is needed, with credentials.
    stack: String,
    /// What it is about: `outbox`, `stripe`, `mail` or `staff`.
    subject: String,
    /// What to do with it: `list` or `republish` the outbox, list the `parked` events of Stripe or
    /// `replay` them, list the addresses that are `suppressed` or `lift` that of one; `list` the
    /// staff, `put` somebody into it or `remove` somebody.
    action: String,
    /// From when on, RFC 3339, such as `2026-11-24T09:00:00Z`; the outbox needs it.
    #[arg(long)]
    from: Option<String>,
    /// Up to when, 31 days later at most; the outbox needs it.
    #[arg(long)]
    until: Option<String>,
    /// How many at once, from 1 to 1000.
    #[arg(long)]
    limit: Option<u64>,
    /// Only the event of this id.
    #[arg(long)]
    event_id: Option<String>,
    /// Only what was put aside for this reason; why mails go to an address again.
    #[arg(long)]
    reason: Option<String>,
    /// Only this address.
    #[arg(long)]
    email: Option<String>,
    /// Only the address that the list of suppressed ones calls so.
    #[arg(long)]
    address: Option<String>,
    /// What somebody is among the staff: `support`, `billing` or `operator`.
    #[arg(long)]
    role: Option<String>,
    /// Only the person of this id.
    #[arg(long)]
    user_id: Option<String>,
    /// Where `cargo dev` plays AWS.
    #[arg(long, default_value = LOCAL)]
    local_url: String,
}

/// Where `cargo dev` plays AWS, unless it is told otherwise.
const LOCAL: &str = "http://127.0.0.1:3001";

/// Who is to be staff, and where.
#[derive(Args, Debug)]
pub struct StaffOptions {
    /// The stack, such as `gantry-prod`; `local` is a running `cargo dev`.
    stack: String,
    /// Whom: the person with this address, or whoever signs in with it.
    email: String,
    /// As what: `support`, `billing` or `operator`.
    #[arg(long, default_value = "operator")]
    role: String,
    /// Why, in 10 to 500 characters: it is written down.
    #[arg(long, default_value = "said so by cargo xtask staff")]
    reason: String,
    /// Where `cargo dev` plays AWS.
    #[arg(long, default_value = LOCAL)]
    local_url: String,
}

/// Makes somebody one of the staff: the first of them, whom nobody else could.
pub fn staff(root: &Path, options: StaffOptions) -> Result<()> {
    let StaffOptions { stack, email, role, reason, local_url } = options;
    let (subject, action) = ("staff".to_owned(), "put".to_owned());
    let of_staff = Options {
        email: Some(email),
        role: Some(role),
        reason: Some(reason),
        ..Options::of(stack, subject, action)
    };
    run(root, &Options { local_url, ..of_staff })
}

impl Options {
    fn of(stack: String, subject: String, action: String) -> Self {
        let (from, until, limit, event_id, reason) = (None, None, None, None, None);
        let (email, address, role, user_id, local_url) = (None, None, None, None, LOCAL.to_owned());
        Self {
            stack,
            subject,
            action,
            from,
            until,
            limit,
            event_id,
            reason,
            email,
            address,
            role,
            user_id,
            local_url,
        }
    }

    fn command(&self) -> Value {
        let mut command = json!({ "command": format!("{}.{}", self.subject, self.action) });
        for (name, value) in [
            ("from", self.from.as_deref().map(Value::from)),
            ("until", self.until.as_deref().map(Value::from)),
            ("limit", self.limit.map(Value::from)),
            ("event_id", self.event_id.as_deref().map(Value::from)),
            ("reason", self.reason.as_deref().map(Value::from)),
            ("email", self.email.as_deref().map(Value::from)),
            ("address", self.address.as_deref().map(Value::from)),
            ("role", self.role.as_deref().map(Value::from)),
            ("user_id", self.user_id.as_deref().map(Value::from)),
        ] {
            if let Some(value) = value {
                command[name] = value;
            }
        }
        command
    }
}

/// Sends the command, and again from where each answer ended; shows the answers.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = options.command();
    loop {
        let answer = if options.stack == "local" {
            invoke_locally(&options.local_url, &command)?
        } else {
            invoke(root, &options.stack, &command)?
        };
        println!("{}", serde_json::to_string_pretty(&answer)?);
        match judge(&answer, &command)? {
            Some(next) => command["next"] = next,
            None => return Ok(()),
        }
    }
}

/// Where to go on from; an error where the command failed, was refused, or left something that is
/// worth another attempt.
fn judge(answer: &Value, command: &Value) -> Result<Option<Value>> {
    if let Some(message) = answer["errorMessage"].as_str() {
        bail!("the function failed: {message}");
    }
    if let Some(detail) = answer["error"]["detail"].as_str() {
        bail!("the command was refused: {detail}");
    }
    let failed = answer["failed"].as_array().map_or(0, Vec::len);
    ensure!(
        failed == 0,
        "{failed} could not be done now; run the same command again when the cause is mended"
    );
    let next = &answer["next"];
    ensure!(next.is_null() || *next != command["next"], "it does not get on; run the same command again");
    Ok((!next.is_null()).then(|| next.clone()))
}

/// The AWS command line has the credentials, and the answer in a file.
fn invoke(root: &Path, stack: &str, command: &Value) -> Result<Value> {
    let file = root.join("target").join(format!("operator-{}.json", std::process::id()));
    let mut aws = Command::new("aws");
    aws.args(["lambda", "invoke", "--function-name", &format!("{stack}-operator"), "--qualifier", "live"]);
    // it may work for a minute, and the command line would ask a second time
    aws.args(["--cli-read-timeout", "90", "--cli-binary-format", "raw-in-base64-out"]);
    aws.args(["--payload", &command.to_string()]).arg(&file);
    output(&mut aws)?;
    let answer = fs::read_to_string(&file).context("the AWS command line wrote no answer")?;
    fs::remove_file(&file)?;
    serde_json::from_str(&answer).context("the answer is no JSON")
}

fn invoke_locally(url: &str, command: &Value) -> Result<Value> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--data", &command.to_string()]);
    curl.arg(format!("{url}/2015-03-31/functions/operator/invocations"));
    let answer = output(&mut curl).context("is `cargo dev` running?")?;
    serde_json::from_str(&answer).context("the answer is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_what_was_given_and_nothing_else() {
        let named = |text: &str| text.to_owned();
        let options = Options {
            from: Some(named("2026-11-24T09:00:00Z")),
            limit: Some(10),
            ..Options::of(named("gantry-prod"), named("outbox"), named("list"))
        };
        let wanted = json!({ "command": "outbox.list", "from": "2026-11-24T09:00:00Z", "limit": 10 });
        assert_eq!(options.command(), wanted);
    }

    #[test]
    fn it_goes_on_to_the_end_and_not_past_a_failure() {
        let first = json!({ "command": "outbox.republish" });
        let judged = |answer: Value| judge(&answer, &first);
        assert_eq!(judged(json!({ "published": 3, "failed": [], "next": null })).unwrap(), None);
        let next = json!("2026-11-24T09#03");
        assert_eq!(judged(json!({ "published": 100, "next": next })).unwrap(), Some(next.clone()));
        for (answer, wanted) in [
            (json!({ "errorMessage": "boom" }), "the function failed: boom"),
            (json!({ "error": { "code": "invalid_span", "detail": "no" } }), "refused: no"),
            (json!({ "failed": ["evt_1"], "next": next }), "1 could not be done now"),
        ] {
            assert!(judged(answer).unwrap_err().to_string().contains(wanted), "{wanted}");
        }
        let stuck = json!({ "command": "outbox.republish", "next": next });
        assert!(judge(&json!({ "published": 0, "next": next }), &stuck).is_err());
    }
}
