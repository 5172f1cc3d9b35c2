//! The events of organizations and their members.

use access::Permission::ReadMembers;
use events::{Audience, Event, MailText, PushText, Told};
use primitives::{Email, MemberId, OrgId, Slug, UserId};

events::events! {
    /// An organization came to be.
    "organization.created" OrganizationCreated Public {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Its name.
        name: String = "Acme",
        /// Its name in URLs.
        slug: Slug = "acme",
        /// Its first owner.
        owner_user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The first owner's address.
        owner_email: Email = "ada@example.com",
    }
    /// A person became a member of an organization.
    "member.added" MemberAdded Public {
        /// The membership.
        member_id: MemberId = "mbr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The role: `owner`, `admin`, `member` or `viewer`.
        role: String = "owner",
    }
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
