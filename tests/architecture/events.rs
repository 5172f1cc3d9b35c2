//! The events of all domains together: named alike, told where their rules lead.

use std::collections::{BTreeMap, BTreeSet};

use access::Permission;
use events::{Audience, EventKind, Reach, Told};
use serde_json::Value;

use system_tests::{domains, template::Template};

use crate::{assert_none, assert_noticed, broken};

/// What happened, where the word does not end in `ed`.
const OTHER_VERBS: &[&str] =
    &["change_undone", "ending", "overdue", "paid", "past_due", "rebound", "resent", "stepped_up"];

fn problems(domains: &[(&str, &[EventKind])]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut owners = BTreeMap::new();
    let mut nouns: BTreeMap<&str, &str> = BTreeMap::new();
    for (domain, events) in domains {
        for event in *events {
            let name = event.name;
            if let Some(other) = owners.insert((name, event.version), domain) {
                problems
                    .push(format!("{name}: {other} and {domain} have an event of this name and version."));
            }
            let Some((noun, verb)) = name.split_once('.') else {
                problems
                    .push(format!("{name}: name it after what it is about and what happened: noun.verb."));
                continue;
            };
            let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if !is_word(noun) || !is_word(verb) || !verb.ends_with("ed") && !OTHER_VERBS.contains(&verb) {
                problems
                    .push(format!("{name}: name it by a noun and what happened, in the past: noun.verbed."));
            }
            let owner = nouns.entry(noun).or_insert(domain);
            if owner != domain {
                problems.push(format!("{name}: what happens to a {noun} is {owner}'s to tell."));
            }
            if event.version == 0 {
                problems.push(format!("{name}: versions begin with 1."));
            }
        }
    }
    problems
}

/// An event that people are told about reaches whoever tells them, and no other does; and whoever is told can
/// be found.
fn telling(template: &Template, told: &[&Told], signing_in: &[&str]) -> Vec<String> {
    let led_to = |queue: &str| -> BTreeSet<String> {
        let rules = template.of_type("AWS::Events::Rule").filter(|rule| rule.id.starts_with(queue));
        let names = rules.flat_map(|rule| {
            rule.property("EventPattern")["detail-type"].as_array().cloned().unwrap_or_default()
        });
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let mailed = told.iter().filter(|told| told.mail.is_some()).map(|told| told.event.name);
    let pushed = told.iter().filter(|told| told.push.is_some()).map(|told| told.event.name);
    let mut problems = Vec::new();
    for (rule, wanted) in
        [("MailRule", mailed.collect::<BTreeSet<_>>()), ("PushFanoutRule", pushed.collect())]
    {
        let led: BTreeSet<String> = led_to(rule);
        let led: BTreeSet<&str> = led.iter().map(String::as_str).collect();
        problems.extend(wanted.difference(&led).map(|name| {
            format!("{name}: its domain says what people are told (TOLD); let {rule} take it in stacks/.")
        }));
        problems.extend(led.difference(&wanted).map(|name| {
            format!("{rule}: takes {name}, of which nobody is told; say what in TOLD of its domain, or take it out.")
        }));
    }
    if led_to("SignInMailRule") != signing_in.iter().map(|name| (*name).to_owned()).collect() {
        problems.push(format!("SignInMailRule: takes {} and nothing else.", signing_in.join(" and ")));
    }
    for told in told.iter().filter(|told| told.mail.is_some()) {
        // they alone are found without reading all members
        let is_found = matches!(
            told.to,
            Audience::Owners
                | Audience::PersonAndOwners
                | Audience::Holding(
                    Permission::ReadBilling | Permission::WriteDirectory | Permission::WriteMembers
                )
                | Audience::Person
                | Audience::PersonWhen(_)
                | Audience::People(_)
                | Audience::NewAddress
                | Audience::OldAddress
                | Audience::Invited
        );
        if !is_found {
            problems.push(format!(
                "{}: a mail goes to owners and admins, who are in the index; add the others to it first.",
                told.event.name
            ));
        }
    }
    problems
}

fn signing_in() -> &'static [&'static str] {
    &[
        <identity::events::MagicLinkRequested as events::Event>::NAME,
        <identity::events::PasswordResetRequested as events::Event>::NAME,
        <identity::events::SmsCodeRequested as events::Event>::NAME,
        <identity::events::MailCodeRequested as events::Event>::NAME,
    ]
}

#[test]
fn events_are_named_alike_and_belong_to_one_domain() {
    assert_none(&problems(&domains::events()));
}

#[test]
fn whoever_is_told_of_an_event_hears_of_it() {
    let told: Vec<_> = domains::told().collect();
    assert_none(&telling(&Template::of_repository(), &told, signing_in()));
    let template = broken(|document| {
        let types = &mut document["Resources"]["MailRule"]["Properties"]["EventPattern"]["detail-type"];
        types[0] = "member.added".into();
    });
    let problems = telling(&template, &told, signing_in());
    assert_noticed(&problems, "MailRule: takes member.added, of which nobody is told");
    assert_noticed(&problems, "its domain says what people are told (TOLD); let MailRule take it");
}

#[test]
fn a_mail_to_people_who_are_not_found_is_noticed() {
    let told: Vec<_> = domains::told()
        .map(|told| Told { to: Audience::Holding(Permission::ReadMembers), ..*told })
        .collect();
    let told: Vec<_> = told.iter().collect();
    let problems = telling(&Template::of_repository(), &told, signing_in());
    assert_noticed(&problems, "trial.ending: a mail goes to owners and admins");
}

#[test]
fn a_name_or_version_that_is_none_is_noticed() {
    const fn event(name: &'static str, version: u16) -> EventKind {
        EventKind {
            name,
            version,
            reach: Reach::Internal,
            summary: "",
            schema: || schemars::schema_for!(String),
            example: || Value::Null,
            read: |data| Ok(data.clone()),
        }
    }
    let orgs = [event("team.created", 1), event("team", 1), event("crew.create", 0)];
    let push = [event("team.created", 1), event("team.removed", 1)];
    let found = problems(&[("orgs", &orgs), ("push", &push)]);
    assert_noticed(&found, "team.created: orgs and push have an event of this name and version");
    assert_noticed(&found, "team: name it after what it is about and what happened");
    assert_noticed(&found, "crew.create: name it by a noun and what happened");
    assert_noticed(&found, "crew.create: versions begin with 1");
    assert_noticed(&found, "team.removed: what happens to a team is orgs's to tell");
}
