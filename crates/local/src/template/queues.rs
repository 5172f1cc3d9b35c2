//! Queues, and what delivers to them.

use serde_json::Value;

use super::intrinsics::text_of;
use super::read::{Reader, number, required};
use super::{FifoSpec, QueueSpec, RedrivePolicy, TemplateError};

/// How the name of a FIFO queue ends, and of no other.
pub(super) const FIFO: &str = ".fifo";

impl Reader<'_> {
    /// Adds a queue.
    pub(super) fn queue(
        &mut self,
        logical_id: &str,
        name: String,
        properties: &Value,
    ) -> Result<(), TemplateError> {
        let redrive = match &properties["RedrivePolicy"] {
            Value::Null => None,
            policy => Some(RedrivePolicy {
                target_arn: required(policy, "deadLetterTargetArn", &format!("{logical_id}.RedrivePolicy"))?,
                max_receive_count: number(policy, "maxReceiveCount", 10),
            }),
        };
        let fifo = fifo(logical_id, properties)?;
        if fifo.is_some() != name.ends_with(FIFO) {
            let problem = format!("the name of a FIFO queue ends in {FIFO}, and of no other queue: {name}");
            return Err(TemplateError::invalid(format!("{logical_id}.QueueName"), problem));
        }
        self.template.queues.insert(
            name.clone(),
            QueueSpec {
                arn: self.place.arn("sqs", &name),
                url: self.place.queue_url(&name),
                visibility_timeout_seconds: number(properties, "VisibilityTimeout", 30),
                delay_seconds: number(properties, "DelaySeconds", 0),
                retention_seconds: number(properties, "MessageRetentionPeriod", 345_600),
                redrive,
                fifo,
                name,
            },
        );
        Ok(())
    }

    /// Every ARN that something delivers to must be a queue of the template, and of the right kind.
    pub(super) fn check_queues(&self) -> Result<(), TemplateError> {
        let template = &self.template;
        let found = |at: &str, arn: &str| {
            let missing = || TemplateError::invalid(at, format!("{arn} is not a queue of the template"));
            template.queue_by_arn(arn).ok_or_else(missing)
        };
        for queue in template.queues.values() {
            let Some(redrive) = &queue.redrive else { continue };
            let dead_letters = found(&queue.name, &redrive.target_arn)?;
            if dead_letters.fifo.is_some() != queue.fifo.is_some() {
                let kind = if queue.fifo.is_some() { "FIFO" } else { "standard" };
                let problem = format!(
                    "its dead-letter queue {} must be a {kind} queue, as it is itself",
                    dead_letters.name
                );
                return Err(TemplateError::invalid(&queue.name, problem));
            }
        }
        for source in &template.queue_sources {
            found(&source.function, &source.queue_arn)?;
        }
        let rules = template
            .rules
            .iter()
            .flat_map(|rule| rule.targets.iter().map(|target| (rule.name.as_str(), target.as_str())));
        let failures = template
            .functions
            .values()
            .filter_map(|function| Some((function.name.as_str(), function.on_failure.as_deref()?)));
        let streams = template
            .stream_sources
            .iter()
            .filter_map(|source| Some((source.function.as_str(), source.on_failure.as_deref()?)));
        let topics =
            template.subscriptions.iter().map(|one| (one.topic_arn.as_str(), one.queue_arn.as_str()));
        for (at, arn) in rules.chain(failures).chain(streams).chain(topics) {
            if found(at, arn)?.fifo.is_some() {
                let problem = format!("{arn} is a FIFO queue; here only functions send to one");
                return Err(TemplateError::invalid(at, problem));
            }
        }
        Ok(())
    }
}

/// What the properties say of a FIFO queue, if it is one.
fn fifo(logical_id: &str, properties: &Value) -> Result<Option<FifoSpec>, TemplateError> {
    // One of two values; the first is how it is without the property.
    let second = |name: &str, values: [&str; 2]| {
        let at = || format!("{logical_id}.{name}");
        match text_of(&properties[name]) {
            value if value.is_empty() => Ok(false),
            _ if !is_fifo(&properties["FifoQueue"]) => {
                Err(TemplateError::invalid(at(), "is for FIFO queues alone"))
            }
            value if values.contains(&value.as_str()) => Ok(value == values[1]),
            value => {
                let [one, other] = values;
                Err(TemplateError::invalid(at(), format!("is {value}, and must be {one} or {other}")))
            }
        }
    };
    let spec = FifoSpec {
        content_based: second("ContentBasedDeduplication", ["false", "true"])?,
        deduplicates_in_group: second("DeduplicationScope", ["queue", "messageGroup"])?,
        limited_by_group: second("FifoThroughputLimit", ["perQueue", "perMessageGroupId"])?,
    };
    if spec.limited_by_group && !spec.deduplicates_in_group {
        let at = format!("{logical_id}.FifoThroughputLimit");
        return Err(TemplateError::invalid(at, "perMessageGroupId needs DeduplicationScope: messageGroup"));
    }
    Ok(is_fifo(&properties["FifoQueue"]).then_some(spec))
}

/// Whether `FifoQueue` says that it is one; a template may also write `true` as text.
pub(super) fn is_fifo(said: &Value) -> bool {
    text_of(said) == "true"
}
