//! One SQS queue: visibility, receive counts, dead letters, retention. Pure; the caller gives the
//! time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fifo::{Fifo, Recent, Sent, Turn, turns};
use super::random_id;
use crate::template::{ACCOUNT, QueueSpec};

/// A queue. It is a FIFO queue if its messages have [`Message::fifo`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Queue {
    /// Messages by order of arrival; the number is part of the receipt handle.
    messages: BTreeMap<u64, Message>,
    next: u64,
    #[serde(default)]
    recent: Recent,
    /// When messages past their retention were last looked for.
    #[serde(skip)]
    expired_at: Option<Timestamp>,
}

/// How often messages past their retention are looked for; retention is counted in minutes at
/// least.
const EXPIRE_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// A message in a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub body: String,
    /// Message attributes in AWS JSON, by name.
    pub attributes: BTreeMap<String, Value>,
    /// `MessageGroupId`; in a FIFO queue, messages of one group keep their order.
    #[serde(default)]
    pub group: Option<String>,
    /// What it has in a FIFO queue alone.
    #[serde(default)]
    pub fifo: Option<Fifo>,
    /// When it was sent first; a move to a dead-letter queue does not change it, unless it is FIFO.
    pub sent_at: Timestamp,
    /// When it can be received.
    pub visible_at: Timestamp,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was received first.
    pub first_received_at: Option<Timestamp>,
    /// Handle of the last receive, while the message is with a receiver.
    pub receipt: Option<String>,
    /// ARN of the queue it was moved from, in a dead-letter queue.
    pub source: Option<String>,
    /// Why the function that had it failed last.
    pub reason: Option<String>,
    /// How often a function was given it before it became a dead letter.
    #[serde(default)]
    pub tries: u32,
}

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewMessage {
    pub body: String,
    /// Message attributes in AWS JSON, by name.
    pub attributes: BTreeMap<String, Value>,
    /// `MessageGroupId`.
    pub group: Option<String>,
    /// What tells it from others, in a FIFO queue, which needs it and the group.
    pub deduplication_id: Option<String>,
    /// Seconds until it is visible; `None` is the queue's own delay.
    pub delay_seconds: Option<u32>,
    /// Why it is sent, if it tells of a failure.
    pub reason: Option<String>,
    /// How often a function was tried, if it tells of a failure.
    pub tries: u32,
}

/// Messages of a queue by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Can be received.
    pub visible: usize,
    /// With a receiver.
    pub in_flight: usize,
    /// Not yet visible for the first time.
    pub delayed: usize,
}

/// The number of a message in its receipt handle.
fn number_in(receipt: &str) -> Option<u64> {
    receipt.split_once('.')?.0.parse().ok()
}

fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}

impl Message {
    /// Its system attributes, as far as it has them.
    pub(crate) fn system_attributes(&self) -> Map<String, Value> {
        let milliseconds = |at: Timestamp| at.as_millisecond().to_string();
        let fifo = self.fifo.as_ref();
        let all = [
            ("ApproximateReceiveCount", Some(self.receive_count.to_string())),
            ("SentTimestamp", Some(milliseconds(self.sent_at))),
            ("ApproximateFirstReceiveTimestamp", self.first_received_at.map(milliseconds)),
            ("SenderId", Some(ACCOUNT.to_owned())),
            ("DeadLetterQueueSourceArn", self.source.clone()),
            ("MessageGroupId", self.group.clone()),
            ("MessageDeduplicationId", fifo.map(|fifo| fifo.deduplication_id.clone())),
            ("SequenceNumber", fifo.map(|fifo| fifo.sequence_number.clone())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
    }
}

impl Queue {
    /// Puts a message in, unless it was sent to a FIFO queue already.
    pub(crate) fn send(&mut self, message: NewMessage, spec: &QueueSpec, now: Timestamp) -> Sent {
        let by_group = spec.fifo.as_ref().is_some_and(|fifo| fifo.deduplicates_in_group);
        let group = message.group.as_deref().filter(|_| by_group).unwrap_or_default();
        // Neither of the two has a space in it.
        let key = message.deduplication_id.as_ref().map(|id| format!("{group} {id}"));
        if let Some(first) = key.as_ref().and_then(|key| self.recent.first(key, now)) {
            return first;
        }
        let fifo = message.deduplication_id.map(|id| Fifo::new(id, self.next));
        let sequence_number = fifo.as_ref().map(|fifo| fifo.sequence_number.clone());
        let sent = Sent { id: random_id(), sequence_number };
        if let Some(key) = key {
            self.recent.note(key, now, sent.clone());
        }
        let delay = message.delay_seconds.unwrap_or(spec.delay_seconds);
        self.insert(Message {
            id: sent.id.clone(),
            body: message.body,
            attributes: message.attributes,
            group: message.group,
            fifo,
            sent_at: now,
            visible_at: now + seconds(delay),
            receive_count: 0,
            first_received_at: None,
            receipt: None,
            source: None,
            reason: message.reason,
            tries: message.tries,
        });
        sent
    }

    fn insert(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    /// Takes a message over from another queue.
    pub fn accept(&mut self, mut message: Message, from: Option<&str>, now: Timestamp) {
        message.source = from.map(str::to_owned);
        message.visible_at = now;
        message.receipt = None;
        message.tries = if from.is_some() { message.receive_count } else { 0 };
        message.receive_count = 0;
        if let Some(fifo) = message.fifo.take() {
            // So that two messages of the same deduplication id can both be dead letters.
            let id = if from.is_some() { message.id.clone() } else { fifo.deduplication_id };
            message.fifo = Some(Fifo::new(id, self.next));
            message.sent_at = now;
        }
        self.insert(message);
    }

    /// Hands out up to `limit` visible messages and hides them. Messages received too often come
    /// back as the second list, for the dead-letter queue; messages past their retention vanish.
    pub fn receive(
        &mut self,
        limit: usize,
        visibility_seconds: Option<u32>,
        spec: &QueueSpec,
        now: Timestamp,
    ) -> (Vec<Message>, Vec<Message>) {
        self.expire(spec, now);
        let visibility = seconds(visibility_seconds.unwrap_or(spec.visibility_timeout_seconds));
        let mut received = Vec::new();
        let mut dead = Vec::new();
        let mut due: Vec<Turn> = turns(&self.messages).filter(|turn| turn.at <= now).collect();
        // All of one group before those of the next, so that others can receive those.
        due.sort_unstable_by_key(|turn| (turn.group, turn.number));
        for Turn { number, .. } in due {
            if received.len() >= limit {
                break;
            }
            let Some(message) = self.messages.get_mut(&number) else { continue };
            if spec.redrive.as_ref().is_some_and(|redrive| message.receive_count >= redrive.max_receive_count)
            {
                dead.extend(self.messages.remove(&number));
                continue;
            }
            message.receive_count += 1;
            message.first_received_at.get_or_insert(now);
            message.visible_at = now + visibility;
            message.receipt = Some(format!("{number}.{}", random_id()));
            received.push(message.clone());
        }
        (received, dead)
    }

    fn expire(&mut self, spec: &QueueSpec, now: Timestamp) {
        if self.expired_at.is_some_and(|last| now.duration_since(last) < EXPIRE_EVERY) {
            return;
        }
        self.expired_at = Some(now);
        let retention = seconds(spec.retention_seconds);
        self.messages.retain(|_, message| message.sent_at + retention > now);
    }

    /// Removes a message that the holder of `receipt` is done with. A receipt that a later receive
    /// replaced does nothing, nor one that [is late](Self::is_late).
    pub fn delete(&mut self, receipt: &str, now: Timestamp) -> bool {
        let number = self.number_of(receipt).filter(|_| !self.is_late(receipt, now));
        number.is_some_and(|number| self.messages.remove(&number).is_some())
    }

    /// Whether a FIFO queue has the message of `receipt`, but has given it to others since or could:
    /// it is not to be deleted then, as it would be from a standard queue.
    pub fn is_late(&self, receipt: &str, now: Timestamp) -> bool {
        let message = number_in(receipt).and_then(|number| self.messages.get(&number));
        let message = message.filter(|message| message.fifo.is_some());
        message
            .is_some_and(|message| message.visible_at <= now || message.receipt.as_deref() != Some(receipt))
    }

    /// Changes when the message of `receipt` is visible again; false if the receipt is not in
    /// force.
    pub fn change_visibility(&mut self, receipt: &str, visibility_seconds: u32, now: Timestamp) -> bool {
        let Some(number) = self.number_of(receipt) else { return false };
        if let Some(message) = self.messages.get_mut(&number) {
            message.visible_at = now + seconds(visibility_seconds);
        }
        true
    }

    /// Notes why the function failed that was given this message, which is here or has become a dead letter
    /// here. Its receipt may be out of force: functions give messages back before they end. Says whether it
    /// is here.
    pub fn note_failure(&mut self, message: &Message, reason: &str) -> bool {
        let known = self.messages.values_mut().rev().find(|known| known.id == message.id);
        known.map(|known| known.reason = Some(reason.to_owned())).is_some()
    }

    /// Whether this has the form of a receipt handle of a queue.
    pub fn has_made(receipt: &str) -> bool {
        receipt
            .split_once('.')
            .is_some_and(|(number, id)| number.parse::<u64>().is_ok() && uuid::Uuid::try_parse(id).is_ok())
    }

    fn number_of(&self, receipt: &str) -> Option<u64> {
        let number = number_in(receipt)?;
        (self.messages.get(&number)?.receipt.as_deref() == Some(receipt)).then_some(number)
    }

    /// Takes all messages out that can be received, for a redrive.
    pub fn take_visible(&mut self, now: Timestamp) -> Vec<Message> {
        let due = turns(&self.messages).filter(|turn| turn.at <= now);
        let numbers: Vec<u64> = due.map(|turn| turn.number).collect();
        numbers.into_iter().filter_map(|number| self.messages.remove(&number)).collect()
    }

    /// Removes everything and returns how many messages there were. They can be sent again.
    pub fn purge(&mut self) -> usize {
        let count = self.messages.len();
        self.messages.clear();
        self.recent = Recent::default();
        count
    }

    /// How many messages wait for what.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values() {
            if message.visible_at <= now {
                counts.visible += 1;
            } else if message.receipt.is_some() {
                counts.in_flight += 1;
            } else {
                counts.delayed += 1;
            }
        }
        counts
    }

    /// Whether there is a message that can be received.
    pub fn has_visible(&self, now: Timestamp) -> bool {
        turns(&self.messages).any(|turn| turn.at <= now)
    }

    /// When a message can be received: now, or when the next one can that waits.
    pub fn ready_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.has_visible(now) { Some(now) } else { self.next_visible_at(now) }
    }

    /// When the next message that waits can be received.
    pub fn next_visible_at(&self, now: Timestamp) -> Option<Timestamp> {
        turns(&self.messages).map(|turn| turn.at).filter(|at| *at > now).min()
    }

    /// All messages, the oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::RedrivePolicy;

    fn spec() -> QueueSpec {
        QueueSpec {
            name: "q".into(),
            arn: "arn:q".into(),
            url: "http://q".into(),
            visibility_timeout_seconds: 30,
            delay_seconds: 0,
            retention_seconds: 3_600,
            redrive: Some(RedrivePolicy { target_arn: "arn:d".into(), max_receive_count: 2 }),
            fifo: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn message(body: &str) -> NewMessage {
        NewMessage { body: body.into(), ..NewMessage::default() }
    }

    #[test]
    fn a_received_message_is_hidden_until_its_visibility_ends_and_dies_after_its_receives() {
        let (mut queue, spec) = (Queue::default(), spec());
        queue.send(message("a"), &spec, at(0));
        assert_eq!(queue.receive(10, None, &spec, at(0)).0.len(), 1);
        assert!(queue.receive(10, None, &spec, at(29)).0.is_empty());
        assert_eq!(queue.next_visible_at(at(29)), Some(at(30)));
        assert_eq!(queue.receive(10, None, &spec, at(30)).0[0].receive_count, 2);
        let (received, dead) = queue.receive(10, None, &spec, at(60));
        assert!(received.is_empty());
        assert_eq!(dead.len(), 1);
        assert_eq!(queue.counts(at(60)), Counts::default());
    }

    #[test]
    fn an_old_receipt_deletes_nothing() {
        let (mut queue, spec) = (Queue::default(), spec());
        queue.send(message("a"), &spec, at(0));
        let first = queue.receive(1, Some(5), &spec, at(0)).0.remove(0).receipt.unwrap();
        let second = queue.receive(1, None, &spec, at(5)).0.remove(0).receipt.unwrap();
        assert!(!queue.delete(&first, at(5)));
        assert!(!queue.change_visibility(&first, 0, at(5)));
        assert!(queue.delete(&second, at(5)));
        assert!(!queue.delete(&second, at(5)));
    }

    /// A function may give a message back, and another may have it, before its own end is known.
    #[test]
    fn why_a_message_failed_is_noted_whoever_has_it_now() {
        let (mut queue, mut dead_letters, spec) = (Queue::default(), Queue::default(), spec());
        queue.send(message("a"), &spec, at(0));
        let first = queue.receive(1, Some(0), &spec, at(0)).0.remove(0);
        let second = queue.receive(1, Some(0), &spec, at(0)).0.remove(0);
        assert_ne!(first.receipt, second.receipt);
        assert!(queue.note_failure(&first, "first"));
        let dead = queue.receive(1, None, &spec, at(0)).1.remove(0);
        assert_eq!(dead.reason.as_deref(), Some("first"));
        dead_letters.accept(dead, Some("arn:q"), at(0));
        assert!(!queue.note_failure(&second, "second"), "it has moved");
        assert!(dead_letters.note_failure(&second, "second"));
        assert_eq!(dead_letters.receive(1, None, &spec, at(0)).0[0].reason.as_deref(), Some("second"));
    }

    #[test]
    fn delay_and_retention_are_kept() {
        let (mut queue, spec) = (Queue::default(), spec());
        queue.send(NewMessage { delay_seconds: Some(10), ..message("later") }, &spec, at(0));
        assert_eq!(queue.counts(at(9)), Counts { delayed: 1, ..Counts::default() });
        assert_eq!(queue.receive(1, None, &spec, at(10)).0.len(), 1);
        queue.send(message("old"), &spec, at(0));
        assert!(queue.receive(10, None, &spec, at(3_600)).0.is_empty());
    }
}
