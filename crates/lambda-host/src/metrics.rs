use serde_json::{Value, json};
use table::Call;

use crate::environment::Stage;

/// What one invocation cost, for CloudWatch: embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) version: &'a str,
    pub(crate) stage: Stage,
    pub(crate) at_milliseconds: i64,
    pub(crate) milliseconds: f64,
    pub(crate) cold_start: bool,
    pub(crate) failed: bool,
    /// The status of the answer, where it is one to a request.
    pub(crate) status: Option<u64>,
    pub(crate) calls: &'a [Call],
}

impl Invocation<'_> {
    pub(crate) fn line(&self) -> Value {
        let units = |writes: bool| -> f64 {
            // not `sum`: of nothing it is -0.0
            self.calls.iter().filter(|call| call.writes == writes).fold(0.0, |sum, call| sum + call.units)
        };
        let mut line = json!({
            "function": self.function,
            "Handled": self.milliseconds,
            "TableCalls": self.calls.len(),
            "TableReadUnits": units(false),
            "TableWriteUnits": units(true),
            "ColdStarts": u8::from(self.cold_start),
            "Failures": u8::from(self.failed),
        });
        let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
        let mut of_functions = vec![
            metric("Handled", "Milliseconds"),
            metric("TableCalls", "Count"),
            metric("TableReadUnits", "Count"),
            metric("TableWriteUnits", "Count"),
            metric("ColdStarts", "Count"),
            metric("Failures", "Count"),
        ];
        let mut of_versions = Vec::new();
        if let Some(status) = self.status {
            line["ServerErrors"] = u8::from(status >= 500).into();
            of_functions.push(metric("ServerErrors", "Count"));
            // Every version would be a metric of its own to pay for: one that never fails has none.
            if status >= 500 {
                line["version"] = self.version.into();
                of_versions.push(metric("ServerErrors", "Count"));
            }
        }
        let directive = |dimensions: &[&str], metrics: Vec<Value>| json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics });
        let mut directives = vec![directive(&["function"], of_functions)];
        if !of_versions.is_empty() {
            directives.push(directive(&["function", "version"], of_versions));
        }
        line["_aws"] = json!({ "Timestamp": self.at_milliseconds, "CloudWatchMetrics": directives });
        line
    }

    pub(crate) fn emit(&self) -> Value {
        let line = self.line();
        if self.stage == Stage::Local {
            tracing::debug!(metrics = %line, "invocation");
        } else {
            println!("{line}");
        }
        line
    }
}

const NAMESPACE: &str = "Gantry";
