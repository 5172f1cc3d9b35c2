//! What `cargo xtask new-function` and `new-secret` write holds to every rule from the start.

use std::{collections::BTreeMap, fs};

use system_tests::template::{Template, repository};
use xtask::{new_function::NewFunction, new_secret::NewSecret};

use crate::{assert_none, events_and_queues, functions, guides, operations, policies, protection, rotation};

#[test]
fn a_new_function_of_each_kind_holds_to_the_rules() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).ok();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut root = read("template.yaml").unwrap();
    let mut folders = functions::folders();
    for (name, event, area) in [
        ("api-reports", None, None),
        ("hook-partner", None, None),
        ("queue-trial-notes", Some("trial.ending"), None),
        ("queue-trial-letters", Some("trial.ended"), Some("trials")),
        ("cron-cleaning", None, Some("trial-notes")),
        ("cron-counting", None, None),
    ] {
        let function =
            NewFunction::new(name, None, event.map(str::to_owned), area.map(str::to_owned)).unwrap();
        let there = function.area().and_then(|file| texts.get(&file).cloned().or_else(|| read(&file)));
        let (new_root, new_area) = function.into_templates(&root, there.as_deref()).unwrap();
        root = new_root;
        texts.extend(function.area().zip(new_area));
        folders.push(name.to_owned());
    }
    let nested = |file: &str| Ok(texts.get(file).cloned().or_else(|| read(file)).unwrap_or_default());
    let template = Template::joined(&root, &nested);
    assert_none(&functions::folders_and_template(&template, &folders));
    assert_none(&functions::limits(&template));
    assert_none(&functions::schedules(&template));
    assert_none(&operations::functions(&template));
    assert_none(&operations::saved_queries(&template));
    assert_none(&operations::alarms(&template));
    assert_none(&protection::at_rest(&template));
    assert_none(&protection::edge(&template));
    assert_none(&policies::functions(&template));
    assert_none(&policies::resource_policies(&template));
    assert_none(&events_and_queues::queues(&template));
    assert_none(&events_and_queues::rules(&template, &events_and_queues::catalogue()));
}

#[test]
fn a_new_key_holds_to_the_rules() {
    let secret = NewSecret::new("export-link", "links to exports are signed with").unwrap();
    let files = secret.into_files(|file| Ok(fs::read_to_string(repository().join(file))?)).unwrap();
    let text = |file: &str| {
        let changed = files.iter().find(|(name, _)| *name == file).map(|(_, text)| text.clone());
        changed.unwrap_or_else(|| fs::read_to_string(repository().join(file)).unwrap())
    };
    let template = Template::joined(&text("template.yaml"), &|file| Ok(text(file)));
    assert!(rotation::keys(&template).contains(&"ExportLinkSecret"));
    assert_none(&rotation::rotation(&template));
    assert_none(&protection::at_rest(&template));
    assert_none(&policies::functions(&template));
    let templates = [("template.yaml".to_owned(), template)].into();
    assert_none(&guides::runbook(&text("docs/runbook.md"), &templates));
}
