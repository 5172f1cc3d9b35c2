//! What each function is asked to do while it is measured.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    sandbox::Expected,
    world::{World, request},
};

/// One function at work.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) function: &'static str,
    pub(crate) work: Work,
    pub(crate) expected: Expected,
    /// The bare function that makes the same calls.
    pub(crate) bare: Option<&'static str>,
}

/// Which event it is given.
#[derive(Debug)]
pub(crate) enum Work {
    /// A request of somebody who is signed in.
    Get(&'static str),
    /// A file under `events/`. Ids of events are new each time, so that nothing is known already.
    Sample(&'static str),
    /// A record of the outbox.
    Outbox,
}

/// A function without a case is measured up to its first event.
pub(crate) const CASES: &[Case] = &[
    read("api-account", "/v1/me", None),
    sample("api-admin", "api-admin/person-from-outside.json", Expected::Status(403)),
    sample("api-auth", "api-auth/signing-keys.json", Expected::Status(200)),
    read("api-billing", "/v1/billing/subscription", Some("bare-http")),
    read("api-devices", "/v1/me/devices", None),
    read("api-orgs", "/v1/orgs/current/members", Some("bare-http")),
    read("api-sso", "/v1/me/connected-accounts", None),
    sample("cron-account-erasure", "cron-account-erasure/hourly.json", Expected::Anything),
    sample("cron-trial-expiry", "cron-trial-expiry/hourly.json", Expected::Anything),
    sample("hook-stripe", "hook-stripe/unsigned.json", Expected::Status(400)),
    sample("queue-mail", "queue-mail/magic-link-requested.json", Expected::NoFailures),
    sample("queue-mail-feedback", "queue-mail-feedback/bounce.json", Expected::NoFailures),
    sample("queue-push-delivery", "queue-push-delivery/two-people.json", Expected::NoFailures),
    sample("queue-push-fanout", "queue-push-fanout/trial-ending.json", Expected::NoFailures),
    Case {
        function: "stream-outbox",
        work: Work::Outbox,
        expected: Expected::NoFailures,
        bare: Some("bare-stream"),
    },
];

const fn read(function: &'static str, path: &'static str, bare: Option<&'static str>) -> Case {
    Case { function, work: Work::Get(path), expected: Expected::Status(200), bare }
}

const fn sample(function: &'static str, file: &'static str, expected: Expected) -> Case {
    Case { function, work: Work::Sample(file), expected, bare: None }
}

impl Case {
    /// What the case is called in tables.
    pub(crate) fn title(&self) -> String {
        match self.work {
            Work::Get(path) => format!("GET {path}"),
            Work::Sample(file) => {
                file.split('/').next_back().unwrap_or(file).trim_end_matches(".json").to_owned()
            }
            Work::Outbox => "one event".to_owned(),
        }
    }

    /// The events of the case, for the function and for its bare counterpart.
    pub(crate) fn events(&self, root: &Path, world: &World) -> Result<Events> {
        let template = match self.work {
            Work::Get(path) => request("GET", path, Some(&world.token), None),
            Work::Sample(file) => {
                let text = fs::read_to_string(root.join("events").join(file))
                    .with_context(|| format!("events/{file} cannot be read"))?;
                // the link of the sample is too old to be sent, and nobody asked for it
                let text = text.replace("2026-11-23T12:15:00Z", "2126-11-23T12:15:00Z");
                serde_json::from_str(&text.replace("lgn_01kar8h5g0e0vsx4q1v3f6m2ah", &world.login))?
            }
            Work::Outbox => outbox(root, world)?,
        };
        Ok(Events { template: template.to_string(), given: 0 })
    }

    /// A bare function believes what it is told about the caller.
    pub(crate) fn for_bare(&self, mut event: Value, world: &World) -> Value {
        if matches!(self.work, Work::Get(_)) {
            let (user, org, member) = (&world.user, &world.org, &world.member);
            event["queryStringParameters"] = json!({ "user": user, "org": org, "member": member });
            event["multiValueQueryStringParameters"] =
                json!({ "user": [user], "org": [org], "member": [member] });
        }
        event
    }
}

/// The sample of the stream with one record, about an event that really is in the outbox.
fn outbox(root: &Path, world: &World) -> Result<Value> {
    let text = fs::read_to_string(root.join("events/stream-outbox/two-events.json"))?;
    let mut event: Value = serde_json::from_str(&text)?;
    let record = event.pointer_mut("/Records/0/dynamodb").context("the sample has no record")?;
    let key = table::keys::Outbox::of(world.envelope["id"].as_str().unwrap_or_default().parse()?);
    for (name, value) in [("pk", key.pk()), ("sk", key.sk())] {
        record["Keys"][name] = json!({ "S": value });
        record["NewImage"][name] = json!({ "S": value });
    }
    record["NewImage"]["envelope"] = json!({ "S": world.envelope.to_string() });
    record["NewImage"]["audit_hash"] = json!({ "S": "5d".repeat(32) });
    let first = event["Records"][0].take();
    event["Records"] = json!([first]);
    Ok(event)
}

/// Events that differ in the ids of what they are about.
pub(crate) struct Events {
    template: String,
    given: u64,
}

/// The id that samples use for an event, without its last characters.
const SAMPLE_EVENT: &str = "evt_01kar8h5g0e0vsx4q1";

impl Events {
    pub(crate) fn next(&mut self) -> Result<Value> {
        self.given += 1;
        let fresh = format!("{SAMPLE_EVENT}{:08}", self.given);
        let text = self.template.replace(&format!("{SAMPLE_EVENT}v3f6m2ah"), &fresh);
        Ok(serde_json::from_str(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_an_id_of_its_own() {
        let mut events =
            Events { template: r#"{"id":"evt_01kar8h5g0e0vsx4q1v3f6m2ah"}"#.to_owned(), given: 0 };
        assert_eq!(events.next().unwrap()["id"], "evt_01kar8h5g0e0vsx4q100000001");
        assert_eq!(events.next().unwrap()["id"], "evt_01kar8h5g0e0vsx4q100000002");
    }

    #[test]
    fn every_case_is_a_function_of_the_template() {
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        let template = local::template::whole(template.as_ref()).unwrap().to_string();
        for case in CASES {
            let code = format!(r#""CodeUri":"target/lambda/{}/""#, case.function);
            assert!(template.contains(&code), "{}", case.function);
        }
    }
}
