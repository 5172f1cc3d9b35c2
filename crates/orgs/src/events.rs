//! The events of organizations and their members.

use access::Permission::{ReadMembers, WriteMembers};
use events::{Audience, Event, EventKind, MailText, PushText, Told};
use primitives::{ApiKeyId, Email, EmailDomain, InviteLinkId, MemberId, OrgId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::{Invite, JoinRequest, KeysOfLeavers, Member, Mfa, Organization};

events::events! {
    /// An organization came to be.
    "organization.created" OrganizationCreated Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
    }
    /// An organization is called or shown otherwise.
    "organization.updated" OrganizationUpdated Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "name": "Acme Ltd" }),
    }
    /// An owner had an organization deleted: until then it can be restored.
    "organization.deleted" OrganizationDeleted Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
        /// When it is erased.
        #[schemars(with = "String")]
        erase_at: Timestamp = "2026-12-23T10:00:00Z",
    }
    /// Our staff has an organization erased: until then it can be restored.
    "organization.erasure_requested" OrganizationErasureRequested Internal {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
        /// When it is erased.
        #[schemars(with = "String")]
        erase_at: Timestamp = "2026-11-24T10:00:00Z",
    }
    /// An organization that was deleted is there again.
    "organization.restored" OrganizationRestored Public {
        /// The organization, as the API shows it.
        organization: Organization = organization(),
    }
    /// An organization that was deleted is erased, with all that was in it.
    "organization.erased" OrganizationErased Internal {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
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
        /// The API keys that the person had made, which work no more.
        revoked_api_keys: Vec<ApiKeyId> = json!(["key_01kar8h5g0e0vsx4q1v3f6m2ah"]),
    }
    /// API keys go on working whose maker is no member any more: the organization's policy says so.
    "member.api_keys_retained" MemberApiKeysRetained Internal {
        /// Who made them, as the API showed the member.
        member: Member = member(),
        /// The keys.
        api_keys: Vec<ApiKeyId> = json!(["key_01kar8h5g0e0vsx4q1v3f6m2ah"]),
    }
    /// A member has another role.
    "member.updated" MemberUpdated Public {
        /// The member, as the API shows it.
        member: Member = member(),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "role": "admin" }),
    }
    /// Somebody was invited.
    "invite.created" InviteCreated Public {
        /// The invite, as the API shows it.
        invite: Invite = invite("pending"),
    }
    /// The link of an invite was sent once more.
    "invite.resent" InviteResent Internal {
        /// The invite, as the API shows it.
        invite: Invite = invite("pending"),
    }
    /// An invite was sent to another address.
    "invite.rebound" InviteRebound Internal {
        /// The invite, as the API shows it.
        invite: Invite = invite("pending"),
        /// The address before.
        previous_email: Email = "grace@example.org",
    }
    /// Somebody else answers for an invite.
    "invite.confirmed" InviteConfirmed Internal {
        /// The invite, as the API shows it.
        invite: Invite = invite("pending"),
    }
    /// The person who was invited is a member.
    "invite.accepted" InviteAccepted Public {
        /// The invite, as the API shows it.
        invite: Invite = invite("accepted"),
        /// The membership that came of it.
        member_id: MemberId = "mbr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// The person who was invited does not want to.
    "invite.declined" InviteDeclined Public {
        /// The invite, as the API shows it.
        invite: Invite = invite("declined"),
    }
    /// An invite was taken back.
    "invite.revoked" InviteRevoked Public {
        /// The invite, as the API shows it.
        invite: Invite = invite("revoked"),
    }
    /// Nobody used an invite in time.
    "invite.expired" InviteExpired Public {
        /// The invite, as the API shows it.
        invite: Invite = invite("expired"),
    }
    /// A link was made by which several people come in.
    "invite_link.created" InviteLinkCreated Internal {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The link.
        link_id: InviteLinkId = "lnk_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Who made it.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A link was taken back.
    "invite_link.revoked" InviteLinkRevoked Internal {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The link.
        link_id: InviteLinkId = "lnk_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// Somebody asks to become a member by the domain of their address, or became one so.
    "join_request.created" JoinRequestCreated Public {
        /// The request, as the API shows it.
        join_request: JoinRequest = join_request("pending"),
    }
    /// Whoever asked is a member.
    "join_request.approved" JoinRequestApproved Public {
        /// The request, as the API shows it.
        join_request: JoinRequest = join_request("approved"),
        /// The membership that came of it.
        member_id: MemberId = "mbr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// The organization does not want whoever asked.
    "join_request.declined" JoinRequestDeclined Public {
        /// The request, as the API shows it.
        join_request: JoinRequest = join_request("declined"),
    }
    /// What an organization asks of its members has changed.
    "organization.policies_updated" OrganizationPoliciesUpdated Internal {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// A second factor.
        mfa: Mfa = json!({ "mode": "required", "grace_ends_at": "2026-12-23T10:00:00.000Z" }),
        /// Of which domains the addresses are that may be invited. Null is any.
        allowed_email_domains: Option<Vec<EmailDomain>> = json!(["example.com"]),
        /// What becomes of the API keys of whoever leaves.
        api_keys_of_leavers: KeysOfLeavers = "revoke",
        /// Whether our staff may act in the names of members.
        support_access: bool = true,
        /// Whether members come in by the organization's identity provider alone.
        sso_required: bool = true,
        /// The memberships of those owners who come in otherwise too.
        break_glass_member_ids: Vec<MemberId> = json!(["mbr_01kar8h5g0e0vsx4q1v3f6m2ah"]),
        /// The API keys of former members that work no more by it.
        revoked_api_keys: Vec<ApiKeyId> = json!(["key_01kar8h5g0e0vsx4q1v3f6m2ah"]),
    }
}

/// How somebody became a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By creating the organization.
    Creation,
    /// By an invite.
    Invite,
    /// By a link.
    InviteLink,
    /// By the domain of the person's address.
    Domain,
    /// By signing in at the organization's identity provider.
    Sso,
    /// The organization's directory says so, by SCIM.
    Scim,
}

/// Why somebody is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The person had their account erased.
    Erasure,
    /// Another member took the person out.
    Removal,
    /// The person left.
    Leave,
    /// The organization's directory says so, by SCIM.
    Scim,
}

fn organization() -> Value {
    json!({
        "id": "org_01kar8h5g0e0vsx4q1v3f6m2ah", "name": "Acme", "slug": "acme", "former_slugs": [],
        "locale": null, "logo_media_id": null, "created_at": "2026-11-23T10:00:00.000Z", "deletion": null,
        "version": 1,
    })
}

fn member() -> Value {
    json!({
        "id": "mbr_01kar8h5g0e0vsx4q1v3f6m2ah", "user_id": "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "email": "ada@example.com", "name": "Ada Lovelace", "role": "owner",
        "status": "active", "managed_by": null, "joined_at": "2026-11-23T10:00:00.000Z", "version": 1,
    })
}

fn invite(status: &str) -> Value {
    json!({
        "id": "inv_01kar8h5g0e0vsx4q1v3f6m2ah", "email": "grace@example.com", "role": "member", "status": status,
        "invited_by": "usr_01kar8h5g0e0vsx4q1v3f6m2ah", "created_at": "2026-11-23T10:00:00.000Z",
        "last_sent_at": "2026-11-23T10:00:00.000Z", "expires_at": "2026-11-30T10:00:00.000Z",
        "needs_confirmation": false, "version": 1,
    })
}

fn join_request(status: &str) -> Value {
    let decided = if status == "pending" { Value::Null } else { json!("2026-11-24T10:00:00.000Z") };
    json!({
        "id": "jrq_01kar8h5g0e0vsx4q1v3f6m2ah", "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        "user_id": "usr_01kar8h5g0e0vsx4q1v3f6m2ah", "email": "grace@example.com", "domain": "example.com",
        "role": "member", "status": status, "created_at": "2026-11-23T10:00:00.000Z", "decided_at": decided,
        "version": 1,
    })
}

/// The mail of an invite.
const INVITATION: MailText = MailText {
    subject: "You are invited to {{ organization }} on {{ product }}",
    preview: "Somebody wants to work with you.",
    title: "Join {{ organization }}",
    paragraphs: &[
        "Somebody of {{ organization }} invites you to work with them on {{ product }}. The link works for you \
         alone, signed in with this address, and for seven days.",
        "If you do not know them, ignore this mail: nothing happens without you.",
    ],
    button: "Look at the invite",
    path: "/invites",
    optional: false,
    until: Some("/invite/expires_at"),
};

const fn invited(event: EventKind) -> Told {
    Told { event, to: Audience::Invited, mail: Some(INVITATION), push: None }
}

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: OrganizationCreated::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "{{ organization }} is ready on {{ product }}",
            preview: "It is yours.",
            title: "Welcome to {{ product }}",
            paragraphs: &[
                "{{ organization }} is ready, and you are its owner. Everything is open as long as your company's \
                 free trial runs, and no card is needed for it.",
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
        event: OrganizationDeleted::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "{{ organization }} on {{ product }} is about to be erased",
            preview: "Until then an owner can restore it.",
            title: "{{ organization }} was deleted",
            paragraphs: &[
                "An owner deleted {{ organization }}. Its members can look at it still; nobody can change anything,                  and its API keys do not work.",
                "In 30 days all that is in it is erased, for good. Until then an owner can restore it.",
            ],
            button: "Restore {{ organization }}",
            path: "/settings/organization",
            optional: false,
            until: Some("/erase_at"),
        }),
        push: None,
    },
    Told {
        event: OrganizationErasureRequested::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "{{ organization }} on {{ product }} is about to be erased",
            preview: "You have a day to object.",
            title: "{{ organization }} will be erased",
            paragraphs: &[
                "Our staff has the end of {{ organization }} begin. Its members can look at it still; nobody can \
                 change anything, and its API keys do not work. In 24 hours all that is in it is erased, for good.",
                "If that is a mistake: an owner can restore it until then, or write to us.",
            ],
            button: "Restore {{ organization }}",
            path: "/settings/organization",
            optional: false,
            until: Some("/erase_at"),
        }),
        push: None,
    },
    Told {
        event: OrganizationRestored::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "{{ organization }} on {{ product }} is there again",
            preview: "It is there again.",
            title: "{{ organization }} was restored",
            paragraphs: &[
                "{{ organization }} is there again. Everything is as it was before, its API keys too.",
            ],
            button: "Open {{ product }}",
            path: "",
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: MemberApiKeysRetained::KIND,
        to: Audience::Owners,
        mail: Some(MailText {
            subject: "API keys of a former member go on working in {{ organization }}",
            preview: "Take back those that nobody needs.",
            title: "A member is gone, and left API keys",
            paragraphs: &[
                "{{ data.member.email }} is no member of {{ organization }} any more. That person had made API \
                 keys, and they go on working: the policies of {{ organization }} say so.",
                "Whoever made a key may have kept its text. Look at the keys, rotate those that you need, and \
                 take back the others.",
            ],
            button: "Look at the keys",
            path: "/settings/api-keys",
            optional: false,
            until: None,
        }),
        push: None,
    },
    invited(InviteCreated::KIND),
    invited(InviteResent::KIND),
    invited(InviteRebound::KIND),
    Told {
        event: JoinRequestCreated::KIND,
        to: Audience::Holding(WriteMembers),
        mail: Some(MailText {
            subject: "{{ data.join_request.email }} {% if data.join_request.status == 'pending' %}asks to join\
                      {% else %}has joined{% endif %} {{ organization }}",
            preview: "By the domain {{ data.join_request.domain }}.",
            title: "Somebody {% if data.join_request.status == 'pending' %}asks to join{% else %}has joined{% endif %}",
            paragraphs: &[
                "{{ data.join_request.email }} {% if data.join_request.status == 'pending' %}asks to join\
                 {% else %}has joined{% endif %} {{ organization }}, as somebody with a verified address of \
                 {{ data.join_request.domain }}, which is a domain of {{ organization }}.",
            ],
            button: "Look at the members",
            path: "/settings/members",
            optional: true,
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
