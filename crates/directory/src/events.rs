//! The events of domains.

use access::Permission::WriteDirectory;
use events::{Audience, Event, MailText, Told};
use serde_json::{Map, Value, json};

use crate::api::Domain;

events::events! {
    /// An organization wants to show that a domain is its own.
    "domain.added" DomainAdded Internal {
        /// The domain, as the API shows it.
        domain: Domain = domain("pending"),
    }
    /// A domain is an organization's.
    "domain.verified" DomainVerified Public {
        /// The domain, as the API shows it.
        domain: Domain = domain("verified"),
    }
    /// It was said anew who may join by a domain.
    "domain.updated" DomainUpdated Internal {
        /// The domain, as the API shows it.
        domain: Domain = domain("verified"),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "capture": "off" }),
    }
    /// The record of a verified domain was not found. Nothing has changed yet.
    "domain.record_missed" DomainRecordMissed Internal {
        /// The domain, as the API shows it.
        domain: Domain = domain("verified"),
    }
    /// A domain is an organization's no more: its record is gone.
    "domain.lapsed" DomainLapsed Public {
        /// The domain, as the API shows it.
        domain: Domain = domain("lapsed"),
    }
    /// An organization has a domain no more.
    "domain.removed" DomainRemoved Internal {
        /// The domain, as the API showed it.
        domain: Domain = domain("verified"),
    }
}

fn domain(status: &str) -> Value {
    let time = "2026-11-23T10:00:00.000Z";
    json!({
        "id": "dom_01kar8h5g0e0vsx4q1v3f6m2ah",
        "name": "example.com",
        "status": status,
        "txt_record": {
            "name": "_gantry-challenge.example.com",
            "value": "gantry-domain-verification=5f0c8e9a7b3d4c1e8f2a6b9d0e4c7a13",
        },
        "capture": "off",
        "default_role": "member",
        "sso_connection_id": null,
        "created_at": time,
        "verified_at": if status == "verified" { json!(time) } else { Value::Null },
        "checked_at": time,
        "version": 2,
    })
}

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: DomainRecordMissed::KIND,
        to: Audience::Holding(WriteDirectory),
        mail: Some(MailText {
            subject: "The DNS record of {{ data.domain.name }} is missing",
            preview: "Put it back, and nothing changes.",
            title: "A DNS record is missing",
            paragraphs: &[
                "The record that shows that {{ data.domain.name }} is the domain of {{ organization }} was not \
                 found. We look again tomorrow and the day after. If it is still not there then, the domain is not \
                 yours any more here, and nobody joins by it.",
                "Set the TXT record {{ data.domain.txt_record.name }} to {{ data.domain.txt_record.value }} again.",
            ],
            button: "Look at the domain",
            path: "/settings/domains",
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: DomainLapsed::KIND,
        to: Audience::Holding(WriteDirectory),
        mail: Some(MailText {
            subject: "{{ data.domain.name }} is not verified any more",
            preview: "Its DNS record is gone.",
            title: "A domain is not verified any more",
            paragraphs: &[
                "The record that showed that {{ data.domain.name }} is the domain of {{ organization }} was not \
                 found on three days. Nobody joins by the domain any more, and another organization may verify it.",
                "To have it back, set the TXT record {{ data.domain.txt_record.name }} to \
                 {{ data.domain.txt_record.value }}, and verify the domain again.",
            ],
            button: "Look at the domain",
            path: "/settings/domains",
            optional: false,
            until: None,
        }),
        push: None,
    },
];
