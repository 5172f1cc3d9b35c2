//! The events of organizations and their members.

use access::Permission::ReadMembers;
use events::{Audience, Event, MailText, PushText, Told};
use primitives::OrgId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Member, Mfa, Organization};

events::events! {
    /// An organization came to be.
    "organization.created" OrganizationCreated Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
    }
    /// An organization was suspended: nobody works in it until that is lifted.
    "organization.suspended" OrganizationSuspended Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
    }
    /// The suspension of an organization was lifted.
    "organization.unsuspended" OrganizationUnsuspended Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
    }
    /// A person became a member of an organization.
    "member.added" MemberAdded Public {
        /// The member, as the API shows it.
        member: Member = member(),
        /// How the person came in.
        via: Via = "creation",
    }
    /// A person is no member of an organization any more.
    "member.removed" MemberRemoved Public {
        /// The member, as the API showed it.
        member: Member = member(),
        /// Why.
        via: Left = "erasure",
    }
    /// What an organization asks of its members has changed.
    "organization.policies_updated" OrganizationPoliciesUpdated Internal {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// A second factor.
        mfa: Mfa = json!({ "mode": "required", "grace_ends_at": "2026-12-23T10:00:00.000Z" }),
    }
}

/// How somebody became a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By creating the organization.
    Creation,
}

/// Why somebody is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The person had their account erased.
    Erasure,
}

fn organization() -> Value {
    json!({
        "id": "org_01kar8h5g0e0vsx4q1v3f6m2ah", "name": "Acme", "slug": "acme",
        "created_at": "2026-11-23T10:00:00.000Z", "version": 1,
    })
}

fn member() -> Value {
    json!({
        "id": "mbr_01kar8h5g0e0vsx4q1v3f6m2ah", "user_id": "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "email": "ada@example.com", "role": "owner", "joined_at": "2026-11-23T10:00:00.000Z", "version": 1,
    })
}

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: OrganizationCreated::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "{{ organization }} is ready on {{ product }}",
            preview: "Your free trial has begun.",
            title: "Welcome to {{ product }}",
            paragraphs: &[
                "{{ organization }} is ready. You are its owner, and its free trial has begun: everything is open, \
                 and no card is needed.",
                "Start by inviting the people you work with.",
            ],
            button: "Open {{ product }}",
            path: "",
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: MemberAdded::KIND,
        to: Audience::Holding(ReadMembers),
        mail: None,
        push: Some(PushText {
            title: |_| "Somebody new is here".into(),
            body: "A new member has joined your organization.",
        }),
    },
];
