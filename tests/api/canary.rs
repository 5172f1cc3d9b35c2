//! The canary sees what customers see: a version that answers with 5xx fulfils the conditions of the alarms
//! on which it is taken back, by the metrics that it writes. Name, namespace, dimensions and threshold are
//! read from the template.

use jiff::Timestamp;
use lambda_host::{Context, LambdaEvent};
use local::functions::build;
use primitives::Clock;
use serde_json::Value;
use system_tests::alarms::{self, Watched};

use crate::product::Product;

/// What one version of a function wrote, a line for each request.
struct Version {
    function: String,
    version: &'static str,
    statuses: Vec<u64>,
    lines: Vec<Value>,
}

/// Lets a version answer requests for a link. One that asks for a table that is not there stands for any
/// release that cannot do its work.
async fn version(name: &str, version: &'static str, is_broken: bool, requests: usize) -> Version {
    let product = Product::start().await;
    let mut environment = product.cloud.template().functions[name].environment.clone();
    let function = format!("gantry-prod-{name}");
    environment.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), function.clone());
    environment.insert("AWS_LAMBDA_FUNCTION_VERSION".to_owned(), version.to_owned());
    if is_broken {
        environment.insert("TABLE_NAME".to_owned(), "no-such-table".to_owned());
    }
    let (host, built) = build(name, environment, Clock::system(), None).await.unwrap();
    let sample = include_str!("../../events/api-auth/request-magic-link.json");
    let (mut statuses, mut lines) = (Vec::new(), Vec::new());
    for _ in 0..requests {
        let event = LambdaEvent::new(serde_json::from_str(sample).unwrap(), Context::default());
        statuses.push(built.invoke(event).await.unwrap()["statusCode"].as_u64().unwrap());
        lines.push(host.metrics_of_last_invocation());
    }
    Version { function, version, statuses, lines }
}

/// Whether a minute of these lines is one that the alarm counts, for the stack of this function and version.
fn counts(alarm: &str, watched: &Version, lines: &[Value]) -> bool {
    let (function, version) = (&watched.function, watched.version);
    alarms::counts(alarm, Watched { environment: "local", function, version }, lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_answers_with_5xx_is_taken_back() {
    let broken = version("api-auth", "8", true, 5).await;
    assert!(broken.statuses.iter().all(|status| *status >= 500), "{:?}", broken.statuses);
    assert!(
        counts("NewVersionServerErrors", &broken, &broken.lines[..1]),
        "by one answer: {:?}",
        broken.lines
    );
    assert!(counts("ServerErrorsAlarm", &broken, &broken.lines), "and people are told");
    assert!(!counts("ServerErrorsAlarm", &broken, &broken.lines[..4]), "but not for a few");
    assert_eq!(broken.lines[0]["failed"], 0, "Lambda's own errors do not show it");
    let at = broken.lines[0]["_aws"]["Timestamp"].as_i64().unwrap();
    assert!(Timestamp::from_millisecond(at).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_refuses_what_is_wrong_stays_and_does_not_pay_for_the_one_before() {
    let good = version("api-auth", "8", false, 12).await;
    assert!(good.statuses.iter().all(|status| *status < 500), "{:?}", good.statuses);
    assert!(good.statuses.contains(&429), "a refusal is no failure: {:?}", good.statuses);
    let before = version("api-auth", "7", true, 5).await;
    let all = [before.lines.clone(), good.lines.clone()].concat();
    assert!(
        !counts("NewVersionServerErrors", &good, &all),
        "a fix can be deployed while the version before fails"
    );
    assert!(counts("NewVersionServerErrors", &before, &all));
    assert!(!counts("ServerErrorsAlarm", &good, &good.lines));
    assert!(good.lines.iter().all(|line| line["_aws"].is_null()), "a good version has no metric to pay for");
    assert!(good.lines.iter().all(|line| line["table_calls"].as_u64().is_some()), "its work is in the log");
}
