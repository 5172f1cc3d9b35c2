//! Reads `template.yaml` (CloudFormation with the SAM transform) into the plain model that the
//! local cloud runs.
//!
//! Only what can be run here is modelled. Everything else a template may hold is either on the
//! explicit list of ignored resource types ([`read::IGNORED`]) or an error which names the
//! resource, so that nothing is left out silently.

mod intrinsics;
mod nested;
mod queues;
mod read;
mod sources;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pattern::Pattern;
pub use nested::{joined, whole};
pub use read::IGNORED;

/// Account id of everything in the local cloud.
pub const ACCOUNT: &str = "000000000000";

/// Why a template cannot be run here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The file is not YAML.
    #[error("the template is not valid YAML")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// A resource type that is neither run nor on the list of ignored types.
    #[error(
        "resource {logical_id} has the type {kind}, which the local cloud neither runs nor ignores; \
         add it to one of the two lists in crates/local/src/template/read.rs"
    )]
    UnknownResource {
        /// Name of the resource in the template.
        logical_id: String,
        /// Its `Type`.
        kind: String,
    },
    /// A property is missing or has a shape or value that cannot be run here.
    #[error("{at}: {problem}")]
    Invalid {
        /// Path of the property, beginning with the resource's name.
        at: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// `Ref`, `Sub` or `GetAtt` of a name that the template does not declare.
    #[error("{at}: refers to {name}, which the template does not declare")]
    Undeclared {
        /// Where the reference stands.
        at: String,
        /// The unknown name.
        name: String,
    },
}

impl TemplateError {
    pub(crate) fn invalid(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { at: at.into(), problem: problem.into() }
    }
}

/// Where the local cloud listens and which values the parameters have: what `Ref` and `GetAtt`
/// resolve against.
#[derive(Clone, Debug)]
pub struct Place {
    /// Region in ARNs.
    pub region: String,
    /// Base URL of the AWS wire endpoint, without a slash at the end; queue URLs begin with it.
    pub aws_url: String,
    /// Base URL of the API, which stands for the API Gateway's domain.
    pub api_url: String,
    /// Values for template parameters; others have their defaults. Names the template does not
    /// declare are ignored.
    pub parameters: BTreeMap<String, String>,
}

impl Place {
    /// ARN of a resource of `service`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }

    /// URL of the queue called `name`.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.aws_url)
    }
}

/// Everything in the template that the local cloud runs.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Lambda functions by name.
    pub functions: BTreeMap<String, FunctionSpec>,
    /// Routes of the REST API.
    pub routes: Vec<RouteSpec>,
    /// Stage of the REST API.
    pub stage: String,
    /// What the API answers by itself.
    pub gateway_responses: GatewayResponses,
    /// Queues by name.
    pub queues: BTreeMap<String, QueueSpec>,
    /// Queue → function.
    pub queue_sources: Vec<QueueSourceSpec>,
    /// Table stream → function.
    pub stream_sources: Vec<StreamSourceSpec>,
    /// Names of the event buses, besides `default`.
    pub buses: Vec<String>,
    /// Rules of the buses.
    pub rules: Vec<RuleSpec>,
    /// Tables by name.
    pub tables: BTreeMap<String, TableSpec>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, BucketSpec>,
    /// Schedules that call functions.
    pub schedules: Vec<ScheduleSpec>,
    /// ARNs of the SNS topics.
    pub topics: Vec<String>,
    /// Topic → queue.
    pub subscriptions: Vec<SubscriptionSpec>,
    /// SES → topic.
    pub mail_destinations: Vec<MailDestinationSpec>,
    /// Secrets by ARN.
    pub secrets: BTreeMap<String, SecretSpec>,
    /// Rotations by the ARN of their secret.
    pub rotations: BTreeMap<String, RotationSpec>,
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSpec {
    /// Last part of `CodeUri`, which is the name of the package in `functions/`.
    pub name: String,
    /// Resolved environment.
    pub environment: BTreeMap<String, String>,
    /// Seconds a call may take.
    pub timeout_seconds: u32,
    /// `ReservedConcurrentExecutions`: how many calls may run at once.
    pub reserved_concurrency: Option<u32>,
    /// Queue ARN that gets events of asynchronous calls (schedules) which failed for good.
    pub on_failure: Option<String>,
    /// How often an asynchronous call is repeated after it failed.
    pub asynchronous_retries: u32,
    /// The statements of its `Policies`, resolved. Nothing is refused by them here; tests compare
    /// them with what the function calls.
    pub statements: Vec<Value>,
}

/// A route of the REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// Resource path, for example `/v1/orgs/{proxy+}`.
    pub path: String,
    /// HTTP method in capitals, or `ANY`.
    pub method: String,
    /// Name of the function.
    pub function: String,
}

/// Gateway responses by their name (`THROTTLED`, `DEFAULT_4XX` …).
pub type GatewayResponses = BTreeMap<String, GatewayResponse>;

/// What API Gateway answers in one case without a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayResponse {
    /// Status, when it is not the case's usual one.
    pub status: Option<http::StatusCode>,
    /// Headers, each with what its value is made of: a literal in single quotes,
    /// `method.request.header.<name>` or `context.requestId`.
    pub headers: Vec<(String, String)>,
    /// Body; it may hold `$context` variables.
    pub body: Option<String>,
}

/// An SQS queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    pub name: String,
    pub arn: String,
    /// Queue URL at the local endpoint.
    pub url: String,
    pub visibility_timeout_seconds: u32,
    pub delay_seconds: u32,
    /// `MessageRetentionPeriod`, seconds.
    pub retention_seconds: u32,
    pub redrive: Option<RedrivePolicy>,
    /// What a FIFO queue has besides; `None` is a standard queue.
    pub fifo: Option<FifoSpec>,
}

/// What a FIFO queue has besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FifoSpec {
    /// `ContentBasedDeduplication`: messages without a deduplication id are told apart by their bodies.
    pub content_based: bool,
    /// `DeduplicationScope: messageGroup`: messages of two groups are never taken for one.
    pub deduplicates_in_group: bool,
    /// `FifoThroughputLimit: perMessageGroupId`; there is no limit here.
    pub limited_by_group: bool,
}

/// When a message goes to the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// ARN of the dead-letter queue.
    pub target_arn: String,
    /// Receives after which a message is moved.
    pub max_receive_count: u32,
}

/// An event source mapping from a queue to a function.
#[derive(Clone, Debug)]
pub struct QueueSourceSpec {
    pub queue_arn: String,
    /// Name of the function.
    pub function: String,
    /// Largest number of messages in a call.
    pub batch_size: u32,
    /// Whether the answer may name the messages that failed (`ReportBatchItemFailures`).
    pub partial_failures: bool,
    /// Messages that match none of these are deleted without a call; empty lets all through.
    pub filters: Vec<Pattern>,
    /// `ScalingConfig.MaximumConcurrency`.
    pub maximum_concurrency: Option<u32>,
}

/// An event source mapping from a table's stream to a function.
#[derive(Clone, Debug)]
pub struct StreamSourceSpec {
    /// Name of the table.
    pub table: String,
    /// ARN of the stream, as records carry it.
    pub stream_arn: String,
    /// Name of the function.
    pub function: String,
    /// Largest number of records in a call.
    pub batch_size: u32,
    /// Whether the answer may name the first record that failed (`ReportBatchItemFailures`).
    pub partial_failures: bool,
    /// Records that match none of these are passed over; empty lets all through.
    pub filters: Vec<Pattern>,
    /// `BisectBatchOnFunctionError`.
    pub bisect: bool,
    /// `MaximumRetryAttempts`; `None` repeats until the record works.
    pub maximum_retries: Option<u32>,
    /// ARN of the queue that is told about records given up.
    pub on_failure: Option<String>,
}

/// An EventBridge rule.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    pub name: String,
    /// Name of the bus.
    pub bus: String,
    /// Event pattern.
    pub pattern: Pattern,
    /// ARNs of the queues that get matching events.
    pub targets: Vec<String>,
}

/// A bucket of S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketSpec {
    /// How many days its lifecycle leaves a file in it.
    pub days: Option<i64>,
    /// Whether what is put over a file, or deletes it, leaves it there as an older version.
    pub is_versioned: bool,
    /// For how many days nobody deletes a version.
    pub locked_days: Option<i64>,
}

/// A DynamoDB table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    pub name: String,
    /// `CreateTable` request (AWS JSON) made of the resource's properties.
    pub create: Value,
    /// Attribute of the time to live, if there is one.
    pub ttl_attribute: Option<String>,
    /// Whether the table has a stream.
    pub stream: bool,
}

/// That a queue gets what is published to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSpec {
    pub topic_arn: String,
    pub queue_arn: String,
    /// `RawMessageDelivery`: without SNS's envelope.
    pub raw: bool,
}

/// That SES tells a topic what becomes of mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDestinationSpec {
    /// The configuration set that they are sent with.
    pub configuration_set: String,
    pub topic_arn: String,
    /// What it is told of: `bounce`, `complaint`.
    pub kinds: Vec<String>,
}

/// A schedule (EventBridge Scheduler, or a scheduled rule).
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSpec {
    pub name: String,
    /// `rate(…)` or `cron(…)`.
    pub expression: String,
    /// Time zone of a `cron(…)`.
    pub time_zone: String,
    /// Name of the function.
    pub function: String,
    /// Event that the function gets; `None` gives it the service's own event.
    pub input: Option<String>,
    /// `aws.scheduler` or `aws.events`.
    pub source: &'static str,
    /// The secret that is rotated, where that is what the schedule is for.
    pub rotates: Option<String>,
}

/// A Secrets Manager secret.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretSpec {
    pub name: String,
    pub arn: String,
    /// How its first value comes to be.
    pub value: SecretValue,
}

/// What rotates a secret, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationSpec {
    /// Name of the function.
    pub function: String,
    /// Days from one rotation to the next.
    pub days: u32,
}

/// Where the first value of a secret comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretValue {
    /// The template states it.
    Literal(String),
    /// `GenerateSecretString`.
    Generated {
        /// JSON object that the generated text is put into, with its key; `None` makes the text the
        /// whole secret.
        template: Option<(String, String)>,
        /// `PasswordLength`.
        length: usize,
        /// Characters that must not be in the text.
        exclude: String,
    },
}

impl Template {
    /// Reads the text of a template: of one that nests others, what [`whole`] makes of them.
    pub fn read(text: &str, place: &Place) -> Result<Self, TemplateError> {
        // What [`whole`] has made of the files is JSON, and its own parser is much the faster.
        let parsed = serde_json::from_str(text).or_else(|_| yaml::parse(text))?;
        read::read(&parsed, place)
    }

    /// The queue with this ARN.
    pub fn queue_by_arn(&self, arn: &str) -> Option<&QueueSpec> {
        self.queues.values().find(|queue| queue.arn == arn)
    }
}
