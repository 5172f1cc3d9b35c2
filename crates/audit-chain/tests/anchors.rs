//! A log that is held against anchors: what was done to it by somebody who can write to the table, and knows
//! how chains and anchors are made.
#![expect(clippy::unwrap_used, reason = "tests")]

use audit_chain::{
    Anchor, Anchors, End, Evidence, Finding, Hash, Head, NoAnchor, Previous, Report, first_link, link, prove,
    row_hash,
};
use primitives::{Time, Timestamp};
use serde_json::{Value, json};

const ORG: &str = "org_1";

fn event(sequence: usize, role: &str) -> Value {
    json!({
        "id": format!("evt_{sequence}"), "time": "2026-11-27T10:00:00.000Z", "org_id": ORG,
        "action": "member.updated", "actor": {"type": "user", "id": "usr_1"},
        "target": {"type": "member", "id": "mbr_1"}, "correlation_id": "cor", "address": null,
        "user_agent": "curl", "before": null, "after": {"role": role},
        "salt": format!("{sequence:032x}"), "sequence": sequence,
    })
}

/// So many events, of which those from that number on say something else.
fn log(events: usize, forged_from: usize) -> Vec<Value> {
    let mut before = first_link(ORG);
    let event = |sequence: usize| {
        let mut event = event(sequence, if sequence < forged_from { "member" } else { "owner" });
        before = link(before, sequence as u64, row_hash(event.as_object().unwrap()).unwrap());
        event["hash"] = json!(before);
        event
    };
    (1..=events).map(event).collect()
}

fn hour(hour: i64) -> Time {
    Timestamp::from_second(1_795_000_000 + hour * 3_600).unwrap().into()
}

/// What is in the bucket, and what the API shows of it.
#[derive(Default)]
struct Bucket {
    files: Vec<(String, Vec<u8>)>,
    rows: Vec<Value>,
    previous: Option<Previous>,
}

impl Bucket {
    /// Anchors of this log, one in each hour, behind so many events.
    fn of(log: &[Value], behind: &[usize]) -> Self {
        let mut bucket = Self::default();
        for (at, events) in (0..).zip(behind) {
            bucket.anchor(&log[events - 1], at);
        }
        bucket
    }

    fn anchor(&mut self, event: &Value, at: u32) {
        let end = |org: &str, hash: Hash| End {
            org_id: org.to_owned(),
            sequence: event["sequence"].as_u64().unwrap(),
            hash,
        };
        let own: Hash = event["hash"].as_str().unwrap().parse().unwrap();
        let ends = [end("org_0", first_link("0")), end(ORG, own), end("org_2", first_link("2"))];
        let number = u64::from(at) + 1;
        let (anchor, places) = Anchor::of(number, hour(at.into()), self.previous.take(), (&ends, &[]));
        self.rows.push(json!({
            "org_id": ORG, "sequence": ends[1].sequence, "hash": own, "made_at": anchor.made_at, "anchor": anchor.name(),
            "root": anchor.root, "leaf": places[1].leaf, "leaves": anchor.size, "path": places[1].path,
        }));
        self.files.push((format!("anchors/{}", anchor.name()), anchor.file().unwrap()));
        self.previous = Some(Previous { name: anchor.name(), root: anchor.root });
    }

    /// The rows as a page of the API.
    fn page(&self) -> String {
        json!({ "items": self.rows, "next_cursor": null }).to_string()
    }
}

fn proof_against(log: &[Value], evidence: &Evidence) -> Report {
    let lines: Vec<String> = log.iter().map(ToString::to_string).collect();
    prove(lines.join("\n").as_bytes(), evidence).unwrap()
}

fn proof(log: &[Value], anchors: Anchors) -> Report {
    proof_against(log, &Evidence { anchors, ..Evidence::default() })
}

#[test]
fn a_whole_log_is_whole_by_its_anchors_in_every_form() {
    let log = log(20, 99);
    let bucket = Bucket::of(&log, &[5, 9, 18]);
    let lines: Vec<String> = bucket.rows.iter().map(ToString::to_string).collect();
    let pages: Vec<String> = bucket.rows.iter().map(|row| json!({ "items": [row] }).to_string()).collect();
    for text in [bucket.page(), json!(bucket.rows).to_string(), lines.join("\n"), pages.join("\n")] {
        let report = proof(&log, Anchors::read(&text, &bucket.files));
        assert_eq!((&report.findings[..], report.anchors), (&[][..], (3, 3)), "{text}");
        assert_eq!(report.anchored, Some((18, hour(2))));
    }
    let shown = proof(&log, Anchors::read(&bucket.page(), &[])).to_string();
    assert!(shown.contains("anchored up to event 18") && shown.contains("--files"), "{shown}");
}

#[test]
fn a_tail_that_is_cut_off_and_a_chain_that_is_made_anew_are_found() {
    let whole = log(20, 99);
    let bucket = Bucket::of(&whole, &[5, 9, 18]);
    let found = |log: &[Value]| proof(log, Anchors::read(&bucket.page(), &bucket.files)).findings;
    assert_eq!(found(&whole[..17]), [Finding::CutOff { last: 17, known: 18 }]);
    assert_eq!(found(&whole[..18]), []);
    for (forged_from, sequence) in [(1, 5), (5, 5), (6, 9), (9, 9), (10, 18)] {
        let anew = log(20, forged_from);
        assert_eq!(found(&anew), [Finding::OtherChain { sequence }], "from {forged_from} on");
    }
    assert_eq!(found(&log(20, 19)), [], "what came behind the newest anchor is anybody's");
    assert_eq!(found(&[]), [Finding::Empty]);
}

#[test]
fn rows_that_were_made_up_are_found_by_their_paths_or_their_files() {
    let (whole, anew) = (log(20, 99), log(20, 7));
    let bucket = Bucket::of(&whole, &[5, 9, 18]);
    // the hash of the new chain in an old row
    let mut forged = bucket.page();
    let hash = |log: &[Value], at: usize| log[at - 1]["hash"].as_str().unwrap().to_owned();
    for at in [9, 18] {
        forged = forged.replace(&hash(&whole, at), &hash(&anew, at));
    }
    let report = proof(&anew, Anchors::read(&forged, &bucket.files));
    let not_proved = |finding: &&Finding| matches!(finding, Finding::NotProved { .. });
    assert_eq!(report.findings.iter().filter(not_proved).count(), 2, "{report}");
    // all rows made anew, each with a path that leads to a root of its own: the bucket has other files
    let made_up = Bucket::of(&anew, &[5, 9, 18]);
    assert_eq!(proof(&anew, Anchors::read(&made_up.page(), &[])).findings, []);
    let found = proof(&anew, Anchors::read(&made_up.page(), &bucket.files)).findings;
    let missing: Vec<_> = found.iter().filter(|finding| matches!(finding, Finding::NoFile { .. })).collect();
    // the first is the same in both, since nothing before the fifth event was changed
    assert_eq!(missing.len(), 2, "{found:?}");
    assert!(found.contains(&Finding::Forked { number: 2 }), "{found:?}");
    // their files put beside the others, as by somebody who has the function's role: the anchors fork
    let both = [bucket.files.clone(), made_up.files.clone()].concat();
    let found = proof(&anew, Anchors::read(&made_up.page(), &both)).findings;
    assert_eq!(found, [Finding::Forked { number: 2 }]);
}

#[test]
fn two_runs_at_once_are_no_fork() {
    let whole = log(20, 99);
    let mut bucket = Bucket::of(&whole, &[5]);
    let mut other = Bucket { previous: bucket.previous.clone(), ..Bucket::default() };
    bucket.anchor(&whole[8], 1);
    // one that nothing came of
    other.anchor(&whole[7], 1);
    bucket.anchor(&whole[17], 2);
    bucket.files.extend(other.files);
    assert_eq!(proof(&whole, Anchors::read(&bucket.page(), &bucket.files)).findings, []);
    bucket.rows.extend(other.rows);
    let found = proof(&whole, Anchors::read(&bucket.page(), &bucket.files)).findings;
    assert_eq!(found, [Finding::Forked { number: 2 }]);
}

#[test]
fn a_file_that_is_not_what_its_root_says_is_found() {
    let whole = log(20, 99);
    let mut bucket = Bucket::of(&whole, &[5, 9]);
    let name = bucket.files[0].0.clone();
    let text = String::from_utf8(bucket.files[0].1.clone()).unwrap();
    bucket.files[0].1 = text.replace(r#""number":1"#, r#""number":3"#).into_bytes();
    let found = proof(&whole, Anchors::read(&bucket.page(), &bucket.files)).findings;
    let file = Finding::File { file: name, reason: NoAnchor::OtherRoot };
    assert!(found.contains(&file), "{found:?}");
    assert!(found.iter().any(|finding| matches!(finding, Finding::NoFile { .. })), "{found:?}");
}

#[test]
fn a_beginning_that_expired_is_proved_from_an_anchor_on_and_one_that_was_removed_is_not() {
    let whole = log(20, 99);
    let bucket = Bucket::of(&whole, &[5, 9, 18]);
    let found = |log: &[Value], expired_before: Option<Time>| {
        let anchors = Anchors::read(&bucket.page(), &bucket.files);
        let expired_before = expired_before.map(Time::timestamp);
        proof_against(log, &Evidence { anchors, expired_before, ..Evidence::default() })
    };
    // nobody said that anything expires
    let gone = found(&whole[5..], None).findings;
    assert_eq!(gone, [Finding::BeginningGone { first: 6, by: hour(0) }]);
    // not so long ago: events from behind the first anchor are gone
    let gone = found(&whole[9..], Some(hour(0))).findings;
    assert_eq!(gone, [Finding::Missing { from: 6, to: 9 }]);
    // behind an anchor all of it is proved; within an hour all but the first
    let mut forged = whole[5..].to_vec();
    assert_eq!(found(&forged, Some(hour(0))).proved_from, 6);
    assert_eq!(found(&forged, Some(hour(0))).findings, []);
    forged[0]["after"] = json!({"role": "owner"});
    let changed = found(&forged, Some(hour(0))).findings;
    assert_eq!(changed, [Finding::Changed { sequence: 6, line: 1 }]);
    let within = found(&whole[6..], Some(hour(1)));
    assert_eq!((&within.findings[..], within.first, within.proved_from), (&[][..], 7, 8), "{within}");
    assert!(within.to_string().contains("from event 8 on"), "{within}");
    let anew = found(&log(20, 8)[6..], Some(hour(1)));
    assert_eq!(anew.findings, [Finding::OtherChain { sequence: 9 }]);
    // what expires goes in any order: leftovers prove nothing, and harm nothing
    let left = |gone: &[usize]| {
        let left = whole.iter().enumerate().filter(|(at, _)| !gone.contains(&(at + 1)));
        found(&left.map(|(_, event)| event.clone()).collect::<Vec<_>>(), Some(hour(1)))
    };
    for (gone, proved_from) in [
        (&[1, 3, 4][..], 6),
        (&[2, 8], 10),
        (&[2, 9], 10),
        (&[1, 2, 3, 4, 5, 6, 7, 8], 10),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9], 10),
    ] {
        let report = left(gone);
        assert_eq!((&report.findings[..], report.proved_from), (&[][..], proved_from), "{gone:?}");
    }
    for (gone, from) in [(&[2, 10][..], 10), (&[1, 9, 10], 10), (&[2, 4, 12], 12)] {
        assert_eq!(left(gone).findings, [Finding::Missing { from, to: from }], "{gone:?}");
    }
    // behind all anchors nothing says that there ever was more
    assert_eq!(found(&whole[19..], Some(hour(9))).findings[..], [Finding::Unproved { first: 20 }]);
    // a head of one's own is as good as ever
    let known = Head { sequence: 5, hash: whole[4]["hash"].as_str().unwrap().parse().unwrap() };
    let anchors = Anchors::read(&bucket.page(), &bucket.files);
    let evidence = Evidence { anchors, known: vec![known], ..Evidence::default() };
    assert_eq!(proof_against(&whole[5..], &evidence).findings, []);
}

#[test]
fn what_are_no_anchors_of_this_log_prove_nothing() {
    let whole = log(5, 99);
    let bucket = Bucket::of(&whole, &[5]);
    let mut row = bucket.rows[0].clone();
    row["path"] = json!(["x"]);
    for text in ["[]", r#"{"items":[]}"#, r#"{"items":[],"next_cursor":null}"#] {
        let report = proof(&whole, Anchors::read(text, &[]));
        assert_eq!(report.findings, [], "{text}");
        assert!(report.to_string().contains("no anchor yet"), "{text}: {report}");
    }
    for text in ["", "{", "{}", &row.to_string()] {
        let found = proof(&whole, Anchors::read(text, &[])).findings;
        assert!(matches!(found[..], [Finding::NoAnchor { .. }]), "{text}: {found:?}");
    }
    let foreign = Bucket::of(&whole, &[5]).page();
    let mut other = whole.clone();
    for event in &mut other {
        event["org_id"] = json!("org_2");
    }
    let found = proof(&other, Anchors::read(&foreign, &[])).findings;
    assert!(found.contains(&Finding::OtherAnchors), "{found:?}");
}
