use hickory_proto::ProtoError;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{DnsFailure, DnsName, normal};

/// How long whoever asked may keep an answer, seconds.
const TTL: u32 = 1;
/// How many aliases lead from one to the next.
const MOST_ALIASES: usize = 8;
/// The bytes of a string in a record (RFC 1035, section 3.3).
const LONGEST_STRING: usize = 255;

/// The answer to a message, of which `find` says what is known of a name; none where nobody is to hear one.
/// Over UDP it is cut to what the message allows for.
pub(super) fn answer(
    asked: &[u8],
    over_udp: bool,
    find: impl Fn(&str) -> Option<DnsName>,
) -> Option<Vec<u8>> {
    let asked = Message::from_vec(asked).ok()?;
    // two servers that answer answers never stop
    if asked.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut said = Message::response(asked.metadata.id, asked.metadata.op_code);
    said.metadata.recursion_desired = asked.metadata.recursion_desired;
    said.metadata.recursion_available = true;
    said.add_queries(asked.queries.iter().cloned());
    match (asked.metadata.op_code, asked.queries.as_slice()) {
        (OpCode::Query, [query]) => {
            let found = records(query.name(), query.query_type(), find)?;
            said.metadata.response_code = found.code;
            said.add_answers(found.records);
            if found.is_negative {
                said.add_authority(authority());
            }
        }
        (OpCode::Query, _) => said.metadata.response_code = ResponseCode::FormErr,
        _ => said.metadata.response_code = ResponseCode::NotImp,
    }
    let bytes = said.to_vec().ok()?;
    if over_udp && bytes.len() > usize::from(asked.max_payload()) {
        return said.truncate().to_vec().ok();
    }
    Some(bytes)
}

struct Found {
    code: ResponseCode,
    records: Vec<Record>,
    is_negative: bool,
}

/// What is said of a name; nothing where there is to be silence.
fn records(name: &Name, kind: RecordType, find: impl Fn(&str) -> Option<DnsName>) -> Option<Found> {
    let mut records = Vec::new();
    let mut name = name.clone();
    for _ in 0..MOST_ALIASES {
        let known = normal(&name.to_ascii()).ok().and_then(|text| find(&text));
        let Some(known) = known else {
            return Some(Found { code: ResponseCode::NXDomain, records, is_negative: true });
        };
        match (known.failure, &known.alias) {
            (Some(DnsFailure::Silent), _) => return None,
            (Some(DnsFailure::Servfail), _) => break,
            (None, Some(alias)) => {
                let Ok(target) = Name::from_ascii(format!("{alias}.")) else { break };
                records.push(Record::from_rdata(name, TTL, RData::CNAME(CNAME(target.clone()))));
                name = target;
            }
            (None, None) => {
                let texts = if kind == RecordType::TXT { known.texts.as_slice() } else { &[] };
                let own = texts.iter().map(|text| record(&name, text, known.string_bytes.map(u8::from)));
                records.extend(own);
                return Some(Found { code: ResponseCode::NoError, records, is_negative: texts.is_empty() });
            }
        }
    }
    Some(Found { code: ResponseCode::ServFail, records: Vec::new(), is_negative: false })
}

fn record(name: &Name, text: &str, string_bytes: Option<u8>) -> Record {
    let strings: Vec<&[u8]> =
        text.as_bytes().chunks(string_bytes.map_or(LONGEST_STRING, usize::from)).collect();
    // a record has one string at least
    let strings = if strings.is_empty() { vec![&b""[..]] } else { strings };
    Record::from_rdata(name.clone(), TTL, RData::TXT(TXT::from_bytes(strings)))
}

/// With a negative answer comes how long it may be kept (RFC 2308).
fn authority() -> Record {
    let name = |text| Name::from_ascii(text).unwrap_or_else(|_: ProtoError| Name::root());
    let soa = SOA::new(name("dns.invalid."), name("local.invalid."), 1, 60, 60, 60, TTL);
    Record::from_rdata(Name::root(), TTL, RData::SOA(soa))
}
