//! What `cargo xtask new-function` writes holds to every rule from the start.

use std::fs;

use system_tests::template::{Template, repository};
use xtask::new_function::NewFunction;

use crate::{assert_none, events_and_queues, functions, operations, policies, protection};

#[test]
fn a_new_function_of_each_kind_holds_to_the_rules() {
    let mut text = fs::read_to_string(repository().join("template.yaml")).unwrap();
    let mut folders = functions::folders();
    for (name, event) in [
        ("api-reports", None),
        ("hook-partner", None),
        ("queue-trial-notes", Some("trial.ending")),
        ("cron-cleaning", None),
    ] {
        let function = NewFunction::new(name, None, event.map(str::to_owned)).unwrap();
        text = function.into_template(&text).unwrap();
        folders.push(name.to_owned());
    }
    let template = Template::parse(&text);
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
