use serde_json::json;

use crate::{environment::Stage, host::Host};

impl Host {
    /// Counts something that happened, as a metric of CloudWatch: one line in the embedded metric format,
    /// with the dimension that the measures of each invocation have. For what must raise an alarm although
    /// nothing failed.
    pub fn count(&self, metric: &'static str) {
        let line = json!({
            "_aws": {
                "Timestamp": self.clock().now().as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": "Gantry",
                    "Dimensions": [["function"]],
                    "Metrics": [{ "Name": metric, "Unit": "Count" }],
                }],
            },
            "function": self.function_name(),
            metric: 1,
        });
        if self.stage() == Stage::Local {
            tracing::debug!(metrics = %line, "counted");
        } else {
            println!("{line}");
        }
    }
}
