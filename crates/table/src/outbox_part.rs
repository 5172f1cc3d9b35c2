use std::{fmt, str::FromStr};

use primitives::{EventId, SignedDuration, Timestamp};

/// One of the partitions that the outbox is spread over: the hour of an event, in UTC, and one of
/// sixteen shards. Both follow from the event's id, so that a row is found by it; and what was not
/// published in some hours is a query of each part, without an index and without a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxPart {
    /// When the hour begins.
    begins: Timestamp,
    shard: u8,
}

const SHARDS: u8 = 16;

impl OutboxPart {
    /// Where the row of this event is.
    pub fn of(event: EventId) -> Self {
        // The end of an id is random, whatever its time is.
        let shard = event.uuid().as_bytes()[15] % SHARDS;
        Self { shard, ..Self::first_at(time_of(event).unwrap_or(Timestamp::UNIX_EPOCH)) }
    }

    /// The first part of the hour that this moment is in.
    pub fn first_at(moment: Timestamp) -> Self {
        let seconds = moment.as_second();
        let begins = Timestamp::from_second(seconds - seconds.rem_euclid(3_600)).unwrap_or(Timestamp::MIN);
        Self { begins, shard: 0 }
    }

    /// The part behind this one: of the same hour, then of the next. `None` at the end of time.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        if self.shard + 1 < SHARDS {
            return Some(Self { shard: self.shard + 1, ..self });
        }
        let begins = self.begins.checked_add(SignedDuration::from_hours(1)).ok()?;
        Some(Self { begins, shard: 0 })
    }

    /// When its hour begins.
    pub fn begins(self) -> Timestamp {
        self.begins
    }

    pub(crate) fn hour(self) -> String {
        self.begins.strftime("%Y-%m-%dT%H").to_string()
    }

    pub(crate) fn shard(self) -> String {
        format!("{:02x}", self.shard)
    }
}

/// The time in an event's id, to a millisecond, where it has one.
pub fn time_of(event: EventId) -> Option<Timestamp> {
    let uuid = event.uuid();
    let milliseconds = (uuid.as_u128() >> 80).try_into().ok()?;
    (uuid.get_version_num() == 7).then(|| Timestamp::from_millisecond(milliseconds).ok()).flatten()
}

/// Such as `2026-11-23T10#0f`.
impl fmt::Display for OutboxPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.hour(), self.shard())
    }
}

/// The text is not a part of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a part of the outbox; one is written 2026-11-23T10#0f")]
pub struct WrongPart;

impl FromStr for OutboxPart {
    type Err = WrongPart;

    fn from_str(text: &str) -> Result<Self, WrongPart> {
        let (hour, shard) = text.split_once('#').ok_or(WrongPart)?;
        let begins = format!("{hour}:00:00Z").parse().map_err(|_| WrongPart)?;
        let shard = u8::from_str_radix(shard, 16).ok().filter(|shard| *shard < SHARDS).ok_or(WrongPart)?;
        let part = Self { begins, shard };
        (part.to_string() == text).then_some(part).ok_or(WrongPart)
    }
}

#[cfg(test)]
mod tests {
    use primitives::{Clock, Ids};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_row_is_in_the_hour_of_its_event() {
        for (time, hour) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10#"),
            ("2026-11-23T10:59:59.999Z", "2026-11-23T10#"),
            ("2026-11-23T11:00:00Z", "2026-11-23T11#"),
        ] {
            let event: EventId = Ids::random(Clock::fixed(at(time))).next();
            assert!(OutboxPart::of(event).to_string().starts_with(hour), "{time}");
            assert_eq!(time_of(event), Some(at(time)));
            assert_eq!(OutboxPart::first_at(at(time)).begins(), OutboxPart::of(event).begins());
        }
    }

    #[test]
    fn an_id_without_a_time_has_a_place_too() {
        let event = EventId::from_uuid(uuid::Uuid::from_u128(0x1f));
        assert_eq!(OutboxPart::of(event).to_string(), "1970-01-01T00#0f");
    }

    #[test]
    fn all_shards_are_used_and_walked_through_hour_by_hour() {
        let ids = Ids::random(Clock::fixed(at("2026-11-23T23:30:00Z")));
        let used: std::collections::BTreeSet<_> =
            (0..500).map(|_| OutboxPart::of(ids.next()).to_string()).collect();
        let mut walked = vec![OutboxPart::first_at(at("2026-11-23T23:30:00Z"))];
        while walked.len() < 17 {
            walked.push(walked[walked.len() - 1].next().unwrap());
        }
        let names: Vec<_> = walked.iter().map(ToString::to_string).collect();
        assert!(names[..16].iter().eq(used.iter()), "{used:?}");
        assert_eq!(names[16], "2026-11-24T00#00");
    }

    #[test]
    fn the_text_is_read_back_and_nothing_else_is() {
        assert_eq!("2026-11-23T10#0f".parse::<OutboxPart>().unwrap().to_string(), "2026-11-23T10#0f");
        for text in [
            "",
            "2026-11-23T10",
            "2026-11-23T10#10",
            "2026-11-23T10#f",
            "2026-11-23T25#00",
            "2026-11-23T10#0F",
        ] {
            assert_eq!(text.parse::<OutboxPart>(), Err(WrongPart), "{text}");
        }
    }
}
