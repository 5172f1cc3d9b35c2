//! What makes a queue FIFO: the order within the groups, and that what is sent twice is there once.
//! Pure; the caller gives the time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::queue::Message;

/// How long a message with the same deduplication id is taken for the one before.
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);

/// What a message of a FIFO queue has besides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fifo {
    /// From the sender, or the digest of the body; of a dead letter, the message's id.
    pub deduplication_id: String,
    /// Twenty digits; greater than that of all messages which came to the queue before.
    pub sequence_number: String,
}

impl Fifo {
    /// Of the message that is put into a queue under this number.
    pub(super) fn new(deduplication_id: String, number: u64) -> Self {
        let sequence_number = (10_000_000_000_000_000_000 + number).to_string();
        Self { deduplication_id, sequence_number }
    }
}

/// What a sender is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The message's id.
    pub(crate) id: String,
    /// Its place, in a FIFO queue.
    pub(crate) sequence_number: Option<String>,
}

/// What was sent to a FIFO queue in the last five minutes, by deduplication id. It is not forgotten
/// when the message is deleted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recent(BTreeMap<String, (Timestamp, Sent)>);

impl Recent {
    /// The first of the last five minutes.
    pub(super) fn first(&mut self, key: &str, now: Timestamp) -> Option<Sent> {
        self.0.retain(|_, (at, _)| *at + DEDUPLICATION > now);
        self.0.get(key).map(|(_, sent)| sent.clone())
    }

    pub(super) fn note(&mut self, key: String, now: Timestamp, sent: Sent) {
        self.0.insert(key, (now, sent));
    }
}

/// When a message can be received, and by which number.
pub(super) struct Turn {
    /// As soon as it is visible; of a FIFO queue, all before it in its group too.
    pub(super) at: Timestamp,
    /// Number of the first message of its group.
    pub(super) group: u64,
    pub(super) number: u64,
}

/// The turns of all messages, in the order in which they came.
pub(super) fn turns(messages: &BTreeMap<u64, Message>) -> impl Iterator<Item = Turn> {
    let mut groups = BTreeMap::new();
    messages.iter().map(move |(&number, message)| {
        let own = (number, message.visible_at);
        // The group of a message in a standard queue says nothing about its order.
        let Some(group) = message.group.as_deref().filter(|_| message.fifo.is_some()) else {
            return Turn { at: own.1, group: number, number };
        };
        let (first, at) = groups.entry(group).or_insert(own);
        *at = own.1.max(*at);
        Turn { at: *at, group: *first, number }
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::state::{Message, NewMessage, Queue};
    use crate::template::{FifoSpec, QueueSpec, RedrivePolicy};

    fn spec() -> QueueSpec {
        QueueSpec {
            name: "q.fifo".into(),
            arn: "arn:q.fifo".into(),
            url: "http://q.fifo".into(),
            visibility_timeout_seconds: 30,
            delay_seconds: 0,
            retention_seconds: 3_600,
            redrive: Some(RedrivePolicy { target_arn: "arn:d.fifo".into(), max_receive_count: 2 }),
            fifo: Some(FifoSpec::default()),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A message whose group is its first letter.
    fn message(body: &str) -> NewMessage {
        NewMessage {
            body: body.into(),
            group: Some(body[..1].into()),
            deduplication_id: Some(body.into()),
            ..NewMessage::default()
        }
    }

    fn queue(bodies: &str) -> Queue {
        let mut queue = Queue::default();
        for body in bodies.split(' ') {
            queue.send(message(body), &spec(), at(0));
        }
        queue
    }

    fn bodies(messages: &[Message]) -> String {
        messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Receives, and compares with what was said about it before.
    fn receive(queue: &mut Queue, limit: usize, second: i64) -> Vec<Message> {
        let now = at(second);
        let (visible, ready) = (queue.has_visible(now), queue.ready_at(now));
        let (received, dead) = queue.receive(limit, None, &spec(), now);
        assert_eq!(visible, !received.is_empty() || !dead.is_empty());
        assert_eq!(visible, ready == Some(now));
        received
    }

    #[test]
    fn messages_of_a_group_come_together_and_in_their_order() {
        let mut queue = queue("a1 b1 a2 c1 a3 b2");
        assert_eq!(bodies(&receive(&mut queue, 4, 0)), "a1 a2 a3 b1");
        assert_eq!(bodies(&receive(&mut queue, 10, 0)), "c1", "b2 waits for b1");
        assert_eq!(bodies(&receive(&mut queue, 10, 30)), "a1 a2 a3 b1 b2 c1");
    }

    #[test]
    fn a_group_waits_while_one_of_its_messages_is_with_a_receiver() {
        let mut queue = queue("a1 a2 a3 b1");
        let first = receive(&mut queue, 2, 0);
        assert_eq!(bodies(&first), "a1 a2");
        assert_eq!(bodies(&receive(&mut queue, 10, 0)), "b1");
        assert!(queue.delete(first[0].receipt.as_ref().unwrap(), at(1)));
        assert!(receive(&mut queue, 10, 1).is_empty(), "a2 is still out");
        // It failed, and comes again later.
        assert!(queue.change_visibility(first[1].receipt.as_ref().unwrap(), 100, at(1)));
        assert_eq!(bodies(&receive(&mut queue, 10, 30)), "b1", "other groups do not wait for it");
        assert_eq!(queue.ready_at(at(61)), Some(at(61)), "b1 again");
        assert!(queue.receive(10, None, &spec(), at(61)).0.is_empty(), "it is a dead letter");
        assert_eq!((queue.ready_at(at(61)), queue.next_visible_at(at(61))), (Some(at(101)), Some(at(101))));
        assert!(receive(&mut queue, 10, 100).is_empty());
        let again = receive(&mut queue, 10, 101);
        assert_eq!(bodies(&again), "a2 a3");
        assert!(queue.delete(again[0].receipt.as_ref().unwrap(), at(102)));
        assert!(queue.delete(again[1].receipt.as_ref().unwrap(), at(102)));
        assert_eq!(queue.ready_at(at(102)), None);
    }

    /// SQS gives a message back although later ones of its group are still with their receiver.
    #[test]
    fn a_message_given_back_comes_again_before_all_later_ones() {
        let mut queue = queue("a1 a2 a3");
        let first = receive(&mut queue, 2, 0);
        assert!(queue.change_visibility(first[0].receipt.as_ref().unwrap(), 0, at(1)));
        assert_eq!(bodies(&receive(&mut queue, 10, 1)), "a1");
        assert!(queue.change_visibility(first[1].receipt.as_ref().unwrap(), 0, at(1)));
        assert!(receive(&mut queue, 10, 1).is_empty(), "a2 waits for a1");
        assert_eq!(queue.ready_at(at(1)), Some(at(31)));
    }

    #[test]
    fn a_dead_letter_lets_its_group_go_on_and_a_redrive_keeps_the_order() {
        let (mut queue, mut dead_letters) = (queue("a1 a2"), Queue::default());
        for second in [0, 30] {
            assert_eq!(bodies(&receive(&mut queue, 1, second)), "a1");
        }
        queue.send(message("a3"), &spec(), at(60));
        let (received, dead) = queue.receive(1, None, &spec(), at(60));
        assert_eq!((bodies(&received), bodies(&dead)), ("a2".to_owned(), "a1".to_owned()));
        assert!(receive(&mut queue, 1, 60).is_empty());
        assert_eq!(bodies(&receive(&mut queue, 1, 90)), "a2");
        let (received, dead_too) = queue.receive(1, None, &spec(), at(120));
        assert_eq!((bodies(&received), bodies(&dead_too)), ("a3".to_owned(), "a2".to_owned()));
        for message in dead.into_iter().chain(dead_too) {
            dead_letters.accept(message, Some("arn:q.fifo"), at(120));
        }
        let taken = dead_letters.take_visible(at(120));
        assert_eq!(bodies(&taken), "a1 a2");
        let fifo = taken[0].fifo.as_ref().unwrap();
        assert_eq!((&fifo.deduplication_id, taken[0].sent_at), (&taken[0].id, at(120)));
        for message in taken {
            queue.accept(message, None, at(120));
        }
        assert!(receive(&mut queue, 10, 120).is_empty(), "a3 is out");
        let all = receive(&mut queue, 10, 150);
        assert_eq!(bodies(&all), "a3 a1 a2");
        assert!(all.iter().all(|message| message.group.as_deref() == Some("a")));
        let numbers: Vec<_> = all.iter().map(|one| &one.fifo.as_ref().unwrap().sequence_number).collect();
        assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 20), "{numbers:?}");
    }

    #[test]
    fn what_is_sent_twice_in_five_minutes_is_there_once() {
        let (mut queue, spec) = (Queue::default(), spec());
        let first = queue.send(message("a1"), &spec, at(0));
        let received = receive(&mut queue, 1, 0).remove(0);
        assert!(queue.delete(received.receipt.as_ref().unwrap(), at(0)));
        let other = NewMessage { group: Some("b".into()), ..message("a1") };
        assert_eq!(queue.send(other.clone(), &spec, at(299)), first, "ids are those of the whole queue");
        assert_eq!(queue.counts(at(299)), crate::state::Counts::default());
        let second = queue.send(message("a1"), &spec, at(300));
        assert!(second.id != first.id && second.sequence_number > first.sequence_number);

        let by_group = FifoSpec { deduplicates_in_group: true, ..FifoSpec::default() };
        let spec = QueueSpec { fifo: Some(by_group), ..spec };
        let mut queue = Queue::default();
        let first = queue.send(message("a1"), &spec, at(0));
        assert_ne!(queue.send(other, &spec, at(1)), first);
        assert_eq!(queue.send(message("a1"), &spec, at(1)), first);
        let mut kept: Queue = serde_json::from_str(&serde_json::to_string(&queue).unwrap()).unwrap();
        assert_eq!(kept.send(message("a1"), &spec, at(2)), first);
        assert_eq!(kept.purge(), 2);
        assert_ne!(kept.send(message("a1"), &spec, at(2)), first);
    }

    #[test]
    fn a_receipt_that_comes_too_late_deletes_nothing() {
        let mut queue = queue("a1");
        let first = receive(&mut queue, 1, 0).remove(0).receipt.unwrap();
        assert!(!queue.is_late(&first, at(29)));
        assert!(queue.is_late(&first, at(30)) && !queue.delete(&first, at(30)));
        let second = receive(&mut queue, 1, 30).remove(0).receipt.unwrap();
        assert!(queue.is_late(&first, at(31)) && queue.delete(&second, at(31)));
        assert!(!queue.is_late(&second, at(31)), "what is gone may be deleted again");
    }

    #[test]
    fn a_queues_delay_is_kept_and_a_standard_queue_knows_no_groups() {
        let (mut queue, spec) = (queue("a1"), QueueSpec { delay_seconds: 10, ..spec() });
        queue.send(message("a2"), &spec, at(0));
        assert_eq!(bodies(&receive(&mut queue, 10, 0)), "a1", "it does not wait for later ones");
        assert_eq!(queue.ready_at(at(0)), Some(at(30)), "a2 waits for a1");

        let mut queue = Queue::default();
        for body in ["a1", "b1", "a2"] {
            queue.send(NewMessage { deduplication_id: None, ..message(body) }, &spec, at(0));
        }
        assert_eq!(bodies(&receive(&mut queue, 1, 10)), "a1");
        assert_eq!(bodies(&receive(&mut queue, 10, 10)), "b1 a2");
    }
}
