use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::answer::answer;
use super::*;

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn known(name: &str) -> Option<DnsName> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match name {
        "a.example" => Some(DnsName { texts: texts(&["one", ""]), ..DnsName::default() }),
        "alias.example" => Some(DnsName { alias: Some("a.example".to_owned()), ..DnsName::default() }),
        "loop.example" => Some(DnsName { alias: Some("loop.example".to_owned()), ..DnsName::default() }),
        "large.example" => Some(DnsName { texts: vec!["x".repeat(1_000); 3], ..DnsName::default() }),
        "broken.example" => Some(DnsName { failure: Some(DnsFailure::Servfail), ..DnsName::default() }),
        "silent.example" => Some(DnsName { failure: Some(DnsFailure::Silent), ..DnsName::default() }),
        _ => None,
    }
}

fn said(name: &str, kind: RecordType, over_udp: bool) -> Option<Message> {
    let said = answer(&question(name, kind).to_vec().unwrap(), over_udp, known)?;
    Some(Message::from_vec(&said).unwrap())
}

fn texts(message: &Message) -> Vec<String> {
    let texts = message.answers.iter().filter_map(|record| match &record.data {
        RData::TXT(text) => Some(String::from_utf8(text.txt_data.concat()).unwrap()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn texts_are_told_and_what_is_not_there_is_said_not_to_be() {
    let found = said("A.Example.", RecordType::TXT, true).unwrap();
    assert_eq!(texts(&found), ["one", ""]);
    assert_eq!(texts(&said("alias.example.", RecordType::TXT, true).unwrap()), ["one", ""]);
    for (name, kind, code) in [
        ("a.example.", RecordType::A, ResponseCode::NoError),
        ("b.example.", RecordType::TXT, ResponseCode::NXDomain),
        ("example.", RecordType::TXT, ResponseCode::NXDomain),
        (".", RecordType::TXT, ResponseCode::NXDomain),
    ] {
        let none = said(name, kind, true).unwrap();
        assert_eq!((none.metadata.response_code, none.answers.len()), (code, 0), "{name}");
        assert_eq!(none.authorities.len(), 1, "{name}: for how long");
    }
    for name in ["broken.example.", "loop.example."] {
        let broken = said(name, RecordType::TXT, true).unwrap();
        assert_eq!(
            (broken.metadata.response_code, broken.answers.len()),
            (ResponseCode::ServFail, 0),
            "{name}"
        );
    }
    assert!(said("silent.example.", RecordType::TXT, true).is_none());
}

#[test]
fn what_is_too_large_for_udp_is_asked_for_over_tcp() {
    let cut = said("large.example.", RecordType::TXT, true).unwrap();
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    let whole = said("large.example.", RecordType::TXT, false).unwrap();
    assert_eq!(texts(&whole), vec!["x".repeat(1_000); 3]);
}

#[test]
fn what_is_no_question_has_no_answer() {
    let answered = question("a.example.", RecordType::TXT).into_response().to_vec().unwrap();
    for bytes in [&[][..], &[0; 12], &[0xff; 40], &answered] {
        let said = answer(bytes, true, known);
        assert!(said.is_none_or(|said| Message::from_vec(&said).unwrap().answers.is_empty()), "{bytes:?}");
    }
    let mut two = question("a.example.", RecordType::TXT);
    two.add_query(two.queries[0].clone());
    let said = answer(&two.to_vec().unwrap(), true, known).unwrap();
    assert_eq!(Message::from_vec(&said).unwrap().metadata.response_code, ResponseCode::FormErr);
}

#[test]
fn names_are_kept_in_one_form() {
    assert_eq!(normal(" _X.Example.COM. ").unwrap(), "_x.example.com");
    for name in ["", ".", "com", "a..b", &"a.".repeat(200), &format!("{}.example", "a".repeat(64))] {
        assert!(normal(name).is_err(), "{name}");
    }
    let both =
        DnsName { texts: vec!["a".to_owned()], alias: Some("b.example".to_owned()), ..DnsName::default() };
    assert!(both.check().is_err());
    assert!(DnsName { texts: vec!["a".repeat(1_001)], ..DnsName::default() }.check().is_err());
}
