use serde_json::{Value, json};
use table::Call;

use crate::environment::Stage;

/// What one invocation took, as a line of the log; an answer with 5xx is a metric besides, in the
/// embedded format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
///
/// A metric costs as much each month as two gigabytes of the log hold queries about, so there is
/// one only where an alarm needs it: the rest is asked of the log (the saved query `work by
/// function`).
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
            "handled_milliseconds": self.milliseconds,
            "table_calls": self.calls.len(),
            "table_read_units": units(false),
            "table_write_units": units(true),
            "cold_start": u8::from(self.cold_start),
            "failed": u8::from(self.failed),
        });
        if self.status.is_some_and(|status| status >= 500) {
            self.count_server_error(&mut line);
        }
        line
    }

    /// For people, of the whole environment; for `CodeDeploy`, of this version alone. What is never
    /// written is not paid for, so a good version has no metric.
    fn count_server_error(&self, line: &mut Value) {
        let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
        line["version"] = self.version.into();
        line["environment"] = self.stage.name().into();
        line["ServerErrors"] = 1.into();
        line["_aws"] = json!({
            "Timestamp": self.at_milliseconds,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["environment"], ["function", "version"]],
                "Metrics": [metric("ServerErrors", "Count")],
            }],
        });
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
