//! The proof that a file of events is what was written, and all of it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    io::{self, BufRead},
    str::FromStr,
};

use primitives::{Time, Timestamp, json};
use serde_json::{Map, Value};

use crate::{Anchors, Finding, Hash, first_link, link, row_hash};

/// Where a chain was known to be: a number and the hash behind it, as `37:<64 hexadecimal digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many events there were.
    pub sequence: u64,
    /// The hash of the last of them.
    pub hash: Hash,
}

/// That a text is no head of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a head; one is written 37:<64 hexadecimal digits>, as in an event's `sequence` and `hash`")]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (sequence, hash) = text.split_once(':').ok_or(NoHead)?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence > 0).ok_or(NoHead)?;
        Ok(Self { sequence, hash: hash.parse().map_err(|_| NoHead)? })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many events it holds.
    pub events: usize,
    /// The number of the first.
    pub first: u64,
    /// The number of the first that is proved: where what was before the first has expired, and no anchor
    /// is of that very place, the first itself is not.
    pub proved_from: u64,
    /// Where what was before has expired: the time of the anchor that it is proved from.
    pub proved_since: Option<Time>,
    /// The numbers of events of which what may name a person is erased: the proof says what they were called,
    /// and not that they were erased for a good reason.
    pub erased: Vec<u64>,
    /// That it was held against a list of anchors in which there is none yet.
    pub is_anchored_later: bool,
    /// How many anchors it was held against, and how many files of anchors those.
    pub anchors: (usize, usize),
    /// The number of the newest event that an anchor proves, and since when.
    pub anchored: Option<(u64, Time)>,
    /// Where the chain ends: what to keep where it is whole, so that the next file can be held against it.
    pub head: Option<Head>,
    /// What is wrong with it; nothing where it is whole.
    pub findings: Vec<Finding>,
}

/// What is kept of an event.
struct Chained {
    line: usize,
    row: Hash,
    hash: Hash,
    is_erased: bool,
}

/// What a log is held against.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Heads of the same chain from elsewhere, such as that of an earlier file.
    pub known: Vec<Head>,
    /// Its anchors.
    pub anchors: Anchors,
    /// Events from before this time have expired, in any order: it is proved from the next anchor on.
    pub expired_before: Option<Timestamp>,
}

impl Evidence {
    /// Where the chain was known to be when nothing had expired that was behind it.
    fn base(&self, org_id: &str) -> Option<(Head, Time)> {
        let expired_before = self.expired_before?;
        let of_log = self.anchors.proved.iter().filter(|anchor| anchor.org_id == org_id);
        let later = of_log.filter(|anchor| anchor.made_at.timestamp() >= expired_before);
        let base = later.min_by_key(|anchor| anchor.sequence)?;
        Some((Head { sequence: base.sequence, hash: base.hash }, base.made_at))
    }
}

/// Verifies events as the API shows them, one JSON object a line, in any order, against heads of the same
/// chain from elsewhere.
///
/// Fails only where the file cannot be read.
pub fn verify(events: impl BufRead, known: &[Head]) -> io::Result<Report> {
    prove(events, &Evidence { known: known.to_vec(), ..Evidence::default() })
}

/// The same against all that there is.
///
/// Fails only where the file cannot be read.
pub fn prove(events: impl BufRead, evidence: &Evidence) -> io::Result<Report> {
    let mut report = Report::default();
    let mut org_id = None;
    let mut chain: BTreeMap<u64, Chained> = BTreeMap::new();
    for (at, text) in events.lines().enumerate() {
        let (line, text) = (at + 1, text?);
        if text.trim().is_empty() {
            continue;
        }
        report.events += 1;
        let (org, sequence, chained) = match read(&text, line) {
            Ok(read) => read,
            Err(finding) => {
                report.findings.push(finding);
                continue;
            }
        };
        if *org_id.get_or_insert_with(|| org.clone()) != org {
            report.findings.push(Finding::OtherOrganization { line });
            continue;
        }
        match chain.entry(sequence) {
            Entry::Vacant(place) => {
                place.insert(chained);
            }
            Entry::Occupied(_) => report.findings.push(Finding::Twice { sequence }),
        }
    }
    let org_id = org_id.unwrap_or_default();
    report.first = chain.keys().next().copied().unwrap_or_default();
    report.proved_from = report.first;
    let mut before = start(&chain, &org_id, evidence, &mut report);
    let base = evidence.base(&org_id);
    report.proved_since = base.filter(|_| report.first > 1).map(|(_, made_at)| made_at);
    let base = base.map_or(Head { sequence: 0, hash: first_link(&org_id) }, |(base, _)| base);
    for (&sequence, event) in &chain {
        if sequence > base.sequence && before.is_some_and(|last| last.sequence < base.sequence) {
            (before, report.proved_from) = (Some(base), base.sequence + 1);
        }
        match before {
            Some(last) if last.sequence + 1 < sequence && sequence <= base.sequence => {
                report.proved_from = sequence + 1;
            }
            Some(last) if last.sequence + 1 < sequence => {
                report.findings.push(Finding::Missing { from: last.sequence + 1, to: sequence - 1 });
            }
            Some(last) if link(last.hash, sequence, event.row) != event.hash => {
                report.findings.push(Finding::Changed { sequence, line: event.line });
            }
            _ => {}
        }
        before = Some(Head { sequence, hash: event.hash });
    }
    report.erased =
        chain.iter().filter(|(_, event)| event.is_erased).map(|(&sequence, _)| sequence).collect();
    report.head = chain.last_key_value().map(|(&sequence, event)| Head { sequence, hash: event.hash });
    hold_against(&chain, &org_id, evidence, &mut report);
    Ok(report)
}

/// Where the chain is known to have been last before the first event; its beginning is known of every chain.
/// Nothing where the file begins later, and nobody kept anything from before.
///
/// Anchors are kept longer than the events before them: they say that something was there. That it has
/// expired, and was not removed, is for whoever knows how long the log is kept to say.
fn start(
    chain: &BTreeMap<u64, Chained>,
    org_id: &str,
    evidence: &Evidence,
    report: &mut Report,
) -> Option<Head> {
    let Some(&first) = chain.keys().next() else {
        report.findings.push(Finding::Empty);
        return None;
    };
    let kept = evidence.known.iter().copied().filter(|head| head.sequence < first);
    if let Some(kept) = kept.max_by_key(|head| head.sequence) {
        return Some(kept);
    }
    if first == 1 {
        return Some(Head { sequence: 0, hash: first_link(org_id) });
    }
    if let Some((base, _)) = evidence.base(org_id) {
        // behind a later one the hash of the first is proved, and what it is made of is not
        let is_before = base.sequence < first;
        report.proved_from += u64::from(!is_before);
        return is_before.then_some(base);
    }
    let of_log = evidence.anchors.proved.iter().filter(|anchor| anchor.org_id == org_id);
    let oldest = of_log.filter(|anchor| anchor.sequence + 1 >= first).min_by_key(|anchor| anchor.sequence);
    report.findings.push(match oldest {
        Some(oldest) => Finding::BeginningGone { first, by: oldest.made_at },
        None => Finding::Unproved { first },
    });
    None
}

/// Whether the chain is where it is known to have been.
fn hold_against(chain: &BTreeMap<u64, Chained>, org_id: &str, evidence: &Evidence, report: &mut Report) {
    let anchors = &evidence.anchors;
    report.findings.extend(anchors.findings.iter().cloned());
    report.anchors = (anchors.proved.len(), anchors.files);
    report.is_anchored_later = anchors.is_empty_list;
    if chain.is_empty() {
        return;
    }
    if anchors.proved.iter().any(|anchor| anchor.org_id != org_id) {
        report.findings.push(Finding::OtherAnchors);
    }
    let own: Vec<_> = anchors.proved.iter().filter(|anchor| anchor.org_id == org_id).collect();
    let last = report.head.map_or(0, |head| head.sequence);
    let places = own.iter().map(|anchor| (anchor.sequence, anchor.hash));
    let places = places.chain(evidence.known.iter().map(|head| (head.sequence, head.hash)));
    if let Some(known) = places.clone().map(|(sequence, _)| sequence).max().filter(|known| *known > last) {
        report.findings.push(Finding::CutOff { last, known });
    }
    let is_other = |(sequence, hash): (u64, Hash)| {
        chain.get(&sequence).is_some_and(|event| event.hash != hash).then_some(sequence)
    };
    if let Some(sequence) = places.filter_map(is_other).min() {
        report.findings.push(Finding::OtherChain { sequence });
    }
    let inside = own.iter().filter(|anchor| chain.get(&anchor.sequence).is_some());
    let newest = inside.max_by_key(|anchor| anchor.sequence);
    report.anchored = newest.map(|anchor| (anchor.sequence, anchor.made_at));
}

fn read(text: &str, line: usize) -> Result<(String, u64, Chained), Finding> {
    let no_event = |reason: String| Finding::NoEvent { line, reason };
    let event: Map<String, Value> = json::from_str(text).map_err(|error| no_event(error.to_string()))?;
    let row = row_hash(&event).map_err(|error| no_event(error.to_string()))?;
    let org = event["org_id"].as_str().ok_or_else(|| no_event("its org_id is no text".to_owned()))?;
    let (sequence, hash) = match (event.get("sequence"), event.get("hash")) {
        (None | Some(Value::Null), None | Some(Value::Null)) => return Err(Finding::NotChained { line }),
        (Some(sequence), Some(Value::String(hash))) => (sequence.as_u64(), hash.parse().ok()),
        _ => (None, None),
    };
    let place = sequence.filter(|sequence| *sequence > 0).zip(hash);
    let (sequence, hash) = place.ok_or_else(|| no_event("it has no place in a chain".to_owned()))?;
    let is_erased = event.get("salt").is_none_or(Value::is_null);
    Ok((org.to_owned(), sequence, Chained { line, row, hash, is_erased }))
}

/// For people: what was found, and where the chain ends.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "FOUND: {finding}")?;
        }
        let Some(head) = self.head.filter(|_| self.findings.is_empty()) else {
            return write!(f, "{} events: NOT whole", self.events);
        };
        write!(f, "{} events: whole", self.events)?;
        if self.proved_from > self.first {
            write!(f, " from event {} on; what is left from before it is not proved", self.proved_from)?;
        }
        if let Some(time) = self.proved_since {
            write!(
                f,
                "\nproved since the anchor of {time}: whether anything from before it was removed is not"
            )?;
        }
        if let Some(first) = self.erased.first() {
            let erased = self.erased.len();
            write!(
                f,
                "\n{erased} of them name nobody any more, the first is event {first}: ask why, if none was to"
            )?;
        }
        if self.anchors.0 == 0 && self.is_anchored_later {
            write!(f, "\nno anchor yet: the first is made within an hour of the first event")?;
        }
        if let Some((sequence, time)) = self.anchored {
            let (anchors, files) = self.anchors;
            write!(
                f,
                "\nanchored up to event {sequence}, at {time} ({anchors} anchors, {files} of their files)"
            )?;
            if files == 0 {
                write!(f, "\nwhoever made all of it up made up its anchors too: give their files, --files")?;
            }
        }
        write!(f, "\nhead {head}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The log of an organization, in the order of its chain.
    fn log(org: &str, events: u64) -> Vec<Value> {
        let mut before = first_link(org);
        let event = |sequence: u64| {
            let mut event = json!({
                "id": format!("evt_{sequence}"), "time": "2026-11-27T10:00:00.000Z", "org_id": org,
                "action": "member.updated", "actor": {"type": "user", "id": "usr_1"},
                "target": {"type": "member", "id": "mbr_1"}, "correlation_id": "cor", "address": "192.0.2.1",
                "user_agent": "curl", "before": {"role": "member"}, "after": {"role": "admin"},
                "salt": format!("{sequence:032x}"), "sequence": sequence,
            });
            before = link(before, sequence, row_hash(event.as_object().unwrap()).unwrap());
            event["hash"] = json!(before);
            event
        };
        (1..=events).map(event).collect()
    }

    fn text(log: &[Value]) -> String {
        log.iter().flat_map(|event| [event.to_string(), "\n".to_owned()]).collect()
    }

    fn found(log: &[Value], known: &[Head]) -> Vec<Finding> {
        verify(text(log).as_bytes(), known).unwrap().findings
    }

    fn head(log: &[Value]) -> Head {
        verify(text(log).as_bytes(), &[]).unwrap().head.unwrap()
    }

    /// What somebody does who can write to the table and knows how the chain is made.
    fn chained_anew(log: &mut [Value], from: usize) {
        for at in from..log.len() {
            let before = match at {
                0 => first_link(log[at]["org_id"].as_str().unwrap()),
                at => log[at - 1]["hash"].as_str().unwrap().parse().unwrap(),
            };
            let sequence = at as u64 + 1;
            log[at]["sequence"] = json!(sequence);
            log[at]["hash"] = json!(link(before, sequence, row_hash(log[at].as_object().unwrap()).unwrap()));
        }
    }

    #[test]
    fn a_whole_log_is_whole_in_any_order_and_in_parts() {
        let log = log("org_1", 30);
        let whole = head(&log);
        assert_eq!(whole.to_string().parse::<Head>().unwrap(), whole);
        let mut shuffled = log.clone();
        shuffled.reverse();
        shuffled.swap(3, 17);
        assert_eq!(found(&shuffled, &[whole, head(&log[..7])]), []);
        let later = verify(text(&log[7..]).as_bytes(), &[head(&log[..7])]).unwrap();
        assert_eq!((later.findings, later.first, later.head), (vec![], 8, Some(whole)));
        assert_eq!(found(&[], &[]), [Finding::Empty], "a download that failed proves nothing");
    }

    #[test]
    fn what_was_done_to_a_log_is_found() {
        let whole = log("org_1", 20);
        let known = head(&whole);
        let changed = |change: &dyn Fn(&mut Vec<Value>)| {
            let mut log = whole.clone();
            change(&mut log);
            found(&log, &[known])
        };
        let event_4 = [Finding::Changed { sequence: 4, line: 4 }];
        // another role, time, actor, target, action; another address; a salt, to have other details fit
        for (member, value) in [
            ("after", json!({"role": "owner"})),
            ("time", json!("2026-11-27T10:00:01.000Z")),
            ("actor", json!({"type": "user", "id": "usr_2"})),
            ("target", json!({"type": "member", "id": "mbr_2"})),
            ("action", json!("member.added")),
            ("address", json!("192.0.2.2")),
            ("salt", json!("ff".repeat(16))),
        ] {
            assert_eq!(changed(&|log| log[3][member] = value.clone()), event_4, "{member}");
        }
        // two events in each other's places
        let swapped = changed(&|log| {
            let place = log[3]["sequence"].take();
            log[3]["sequence"] = log[8]["sequence"].take();
            log[8]["sequence"] = place;
        });
        assert!(swapped.contains(&Finding::Changed { sequence: 4, line: 9 }), "{swapped:?}");
        // one that is gone; all of a stretch; the first; the last
        assert_eq!(changed(&|log| drop(log.remove(3))), [Finding::Missing { from: 4, to: 4 }]);
        assert_eq!(changed(&|log| drop(log.drain(3..9))), [Finding::Missing { from: 4, to: 9 }]);
        assert_eq!(found(&whole[1..], &[known]), [Finding::Unproved { first: 2 }]);
        let kept = |events: usize| head(&whole[..events]);
        assert_eq!(found(&whole[5..], &[kept(5), known]), []);
        assert_eq!(found(&whole[5..], &[kept(3), known]), [Finding::Missing { from: 4, to: 5 }]);
        let mut forged = whole[5..].to_vec();
        forged[0]["after"] = json!({"role": "owner"});
        assert_eq!(found(&forged, &[kept(5)]), [Finding::Changed { sequence: 6, line: 1 }]);
        assert_eq!(changed(&|log| log.truncate(19)), [Finding::CutOff { last: 19, known: 20 }]);
        // one more, by a number that is taken, by none, and behind the end
        assert_eq!(changed(&|log| log.push(whole[3].clone())), [Finding::Twice { sequence: 4 }]);
        let unplaced = changed(&|log| {
            log[3]["sequence"] = Value::Null;
            log[3]["hash"] = Value::Null;
        });
        assert_eq!(unplaced[0], Finding::NotChained { line: 4 });
        let behind = changed(&|log| {
            let mut more = whole[3].clone();
            more["sequence"] = json!(21);
            log.push(more);
        });
        assert_eq!(behind, [Finding::Changed { sequence: 21, line: 21 }]);
        // somebody else's
        let foreign = changed(&|log| log.push(super::tests::log("org_2", 21).remove(20)));
        assert_eq!(foreign, [Finding::OtherOrganization { line: 21 }]);
        // all of it made anew around a change, and around one that is gone
        let anew = changed(&|log| {
            log[3]["after"] = json!({"role": "owner"});
            chained_anew(log, 3);
        });
        assert_eq!(anew, [Finding::OtherChain { sequence: 20 }]);
        let anew = changed(&|log| {
            log.remove(3);
            chained_anew(log, 3);
        });
        assert_eq!(anew, [Finding::CutOff { last: 19, known: 20 }]);
    }

    #[test]
    fn what_is_no_log_is_said_line_by_line() {
        let whole = log("org_1", 2);
        let lines = [
            "{",
            "[]",
            r#"{"id": "evt_1"}"#,
            &whole[0].to_string().replacen('{', r#"{"id":"evt_9","#, 1),
            &whole[0].to_string().replace(r#""sequence":1"#, r#""sequence":0"#),
            &whole[0].to_string().replace(r#""sequence":1"#, r#""sequence":-1"#),
            &whole[0].to_string().replace(r#""sequence":1"#, r#""sequence":18446744073709551616"#),
            &whole[0].to_string().replace(r#""org_1""#, "7"),
        ];
        let mut report = verify(lines.join("\n").as_bytes(), &[]).unwrap();
        assert_eq!(report.findings.pop(), Some(Finding::Empty));
        assert_eq!(report.findings.len(), lines.len());
        for (at, finding) in report.findings.iter().enumerate() {
            assert!(matches!(finding, Finding::NoEvent { line, .. } if *line == at + 1), "{finding}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_of_a_log_changes_unseen(at in 0..2_000_usize, letter in "[ -~]") {
            let whole = log("org_1", 4);
            let mut changed = text(&whole);
            let at = at % changed.len();
            changed.replace_range(at..=at, &letter);
            let report = verify(changed.as_bytes(), &[head(&whole)]).unwrap();
            let lines: Vec<_> = changed.lines().filter_map(|line| json::from_str::<Value>(line).ok()).collect();
            prop_assert_eq!(report.findings.is_empty(), lines == whole, "{}", changed);
        }
    }
}
