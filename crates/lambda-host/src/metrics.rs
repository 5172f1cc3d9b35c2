use serde_json::json;
use table::Call;

use crate::environment::Stage;

/// What one invocation cost, for CloudWatch: embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) stage: Stage,
    pub(crate) at_milliseconds: i64,
    pub(crate) milliseconds: f64,
    pub(crate) cold_start: bool,
    pub(crate) failed: bool,
    pub(crate) calls: &'a [Call],
}

impl Invocation<'_> {
    pub(crate) fn emit(&self) {
        let units = |writes: bool| -> f64 {
            // not `sum`: of nothing it is -0.0
            self.calls.iter().filter(|call| call.writes == writes).fold(0.0, |sum, call| sum + call.units)
        };
        let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
        let line = json!({
            "_aws": {
                "Timestamp": self.at_milliseconds,
                "CloudWatchMetrics": [{
                    "Namespace": "Gantry",
                    "Dimensions": [["function"]],
                    "Metrics": [
                        metric("Handled", "Milliseconds"),
                        metric("TableCalls", "Count"),
                        metric("TableReadUnits", "Count"),
                        metric("TableWriteUnits", "Count"),
                        metric("ColdStarts", "Count"),
                        metric("Failures", "Count"),
                    ],
                }],
            },
            "function": self.function,
            "Handled": self.milliseconds,
            "TableCalls": self.calls.len(),
            "TableReadUnits": units(false),
            "TableWriteUnits": units(true),
            "ColdStarts": u8::from(self.cold_start),
            "Failures": u8::from(self.failed),
        });
        if self.stage == Stage::Local {
            tracing::debug!(metrics = %line, "invocation");
        } else {
            println!("{line}");
        }
    }
}
