//! Whether what functions write fulfils the condition of an alarm: name, namespace, dimensions and
//! threshold are the template's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::template::Template;

/// What CloudWatch makes of the lines in one minute: the sum of a metric with exactly these
/// dimensions
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
fn sum(lines: &[Value], namespace: &str, metric: &str, dimensions: &BTreeMap<String, String>) -> Option<f64> {
    let of_line = |line: &Value| {
        let is_it = line["_aws"]["CloudWatchMetrics"].as_array()?.iter().any(|directive| {
            let sets = directive["Dimensions"].as_array().into_iter().flatten();
            let named = |set: &Value| set.as_array().is_some_and(|set| set.iter().eq(dimensions.keys()));
            directive["Namespace"] == namespace
                && directive["Metrics"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one["Name"] == metric))
                && sets.into_iter().any(named)
        });
        let values = dimensions.iter().all(|(name, value)| line[name] == *value);
        (is_it && values).then(|| line[metric].as_f64())?
    };
    lines.iter().filter_map(of_line).reduce(|sum, value| sum + value)
}

/// Whom an alarm watches.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The environment, such as `staging`.
    pub environment: &'a str,
    /// The function's name at AWS.
    pub function: &'a str,
    /// The version that is deployed.
    pub version: &'a str,
}

/// Whether a minute of these lines is one that the alarm counts, for the stack that watches this.
///
/// # Panics
/// Where no template has such an alarm, or one that is not on the sum of a minute.
pub fn counts(alarm: &str, watched: Watched<'_>, lines: &[Value]) -> bool {
    let templates = Template::all();
    let alarm = templates.values().find_map(|template| template.resource(alarm)).expect("a template has it");
    let given = json!({
        "Environment": watched.environment, "FunctionName": watched.function, "Version": watched.version,
    });
    let text = |value: &Value| {
        value["Ref"].as_str().map_or(value, |name| &given[name]).as_str().unwrap_or_default().to_owned()
    };
    let dimensions = alarm.property("Dimensions").as_array().into_iter().flatten();
    let dimensions = dimensions.map(|one| (text(&one["Name"]), text(&one["Value"]))).collect();
    let [namespace, metric] =
        ["Namespace", "MetricName"].map(|name| alarm.property(name).as_str().unwrap_or_default());
    assert_eq!((alarm.property("Statistic"), alarm.property("Period")), (&json!("Sum"), &json!(60)));
    assert_eq!(alarm.property("ComparisonOperator"), "GreaterThanThreshold");
    assert_eq!(alarm.property("TreatMissingData"), "notBreaching");
    let value = sum(lines, namespace, metric, &dimensions);
    value.is_some_and(|value| alarm.property("Threshold").as_f64().is_some_and(|most| value > most))
}
