//! The events of erasures.

use events::{Audience, Event, MailText, Told};
use primitives::UserId;
use serde_json::{Value, json};

use crate::api::{Certificate, Kept};

events::events! {
    /// A person is being erased: nobody comes in any more, and the address goes last.
    "erasure.started" ErasureStarted Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What stays.
        kept: Vec<Kept> = json!([kept()]),
    }
    /// A person or an organization is erased, and this is the certificate.
    "erasure.certified" ErasureCertified Internal {
        /// The certificate.
        certificate: Certificate = certificate(),
        /// Who is told: those who owned the organization.
        told: Vec<UserId> = json!(["usr_01kar8h5g0e0vsx4q1v3f6m2ah"]),
    }
}

fn kept() -> Value {
    json!({
        "what": "backups", "why": "A copy of the table of any moment of that time, to recover from its loss",
        "until": "2027-01-27T11:00:00.000Z",
    })
}

fn certificate() -> Value {
    json!({
        "id": "org_01kar8h5g0e0vsx4q1v3f6m2ah", "begun_at": "2026-12-23T10:00:00.000Z",
        "ended_at": "2026-12-23T10:00:04.000Z",
        "erased": [{ "part": "audit_rows", "count": 412 }, { "part": "members", "count": 3 }],
        "kept": [kept()], "expires_at": "2029-12-25T10:00:04.000Z",
    })
}

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: ErasureStarted::KIND,
        to: Audience::Person,
        mail: Some(MailText {
            subject: "Your account on {{ product }} is erased",
            preview: "This is the last mail to you.",
            title: "Your account is erased",
            paragraphs: &[
                "The end of your account has come: nobody signs in to it any more, and all that belongs to it is \
                 erased. This address goes last, within two hours, since this mail needed it.",
                "What stays, and why: {% for one in data.kept %}{{ one.why }}{% if one.until %} (until \
                 {{ one.until[:10] }}){% endif %}{% if loop.last %}.{% else %}; {% endif %}{% endfor %}",
                "The certificate of the erasure has the number {{ data.user_id }} and is kept for three years: \
                 whoever has this number can ask us for it.",
            ],
            button: "Open {{ product }}",
            path: "",
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: ErasureCertified::KIND,
        to: Audience::People("/told"),
        mail: Some(MailText {
            subject: "An organization of yours on {{ product }} is erased",
            preview: "This is the certificate.",
            title: "Certificate of an erasure",
            paragraphs: &[
                "An organization that you owned is erased. Its erasure began at {{ data.certificate.begun_at }} and \
                 had ended at {{ data.certificate.ended_at }}.",
                "Erased: {% for one in data.certificate.erased %}{{ one.part }} ({{ one.count }})\
                 {% if loop.last %}.{% else %}, {% endif %}{% endfor %}",
                "What stays, and why: {% for one in data.certificate.kept %}{{ one.why }}{% if one.until %} (until \
                 {{ one.until[:10] }}){% endif %}{% if loop.last %}.{% else %}; {% endif %}{% endfor %}",
                "This certificate has the number {{ data.certificate.id }} and is kept for three years.",
            ],
            button: "Open {{ product }}",
            path: "",
            optional: false,
            until: None,
        }),
        push: None,
    },
];
