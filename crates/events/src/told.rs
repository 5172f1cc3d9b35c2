//! What people are told about an event: declared by its domain, beside the event.

use std::borrow::Cow;

use access::{Permission, Role};
use serde_json::Value;

use crate::{Envelope, EventKind};

/// What people are told about an event, and who.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The event: of this name and version.
    pub event: EventKind,
    /// Who is told.
    pub to: Audience,
    /// What they are told by mail.
    pub mail: Option<MailText>,
    /// What their devices show.
    pub push: Option<PushText>,
}

/// The people who are told about an event: some of its organization's, or the one that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The owners.
    Owners,
    /// Those whose role lets them look at what it is about.
    Holding(Permission),
    /// The person that the event's data names in `user_id`, and the owners.
    PersonAndOwners,
    /// The person that the event's data names in `user_id`.
    Person,
    /// The address that this person asks to have. The mail has a link in it that says yes.
    NewAddress,
    /// The address that the event's invite was sent to. The mail has the link of the invite in it.
    Invited,
    /// The address that this person had until now. The mail has a link in it that takes the change back.
    OldAddress,
    /// The person, where the data says true at this JSON pointer; else nobody.
    PersonWhen(&'static str),
    /// The people whose ids are listed in the data at this JSON pointer, as far as they are still there.
    People(&'static str),
}

/// What a mail about an event says. Each text is a template that knows `product`, the event's `data` and,
/// where it goes to people of one, `organization`; `{{ amount | money(currency) }}` writes an amount in the
/// currency's smallest unit.
#[derive(Clone, Copy, Debug)]
pub struct MailText {
    /// The subject: one line.
    pub subject: &'static str,
    /// What lists of mails show beside the subject.
    pub preview: &'static str,
    /// The headline.
    pub title: &'static str,
    /// The text below it.
    pub paragraphs: &'static [&'static str],
    /// What the button below that says.
    pub button: &'static str,
    /// Where the button leads: a path of the frontend, or, as a template, the address of a page elsewhere.
    pub path: &'static str,
    /// Whether people may do without it.
    pub optional: bool,
    /// Where in the data a time stands (a JSON pointer) from which on it is no longer true, and is not sent.
    pub until: Option<&'static str>,
}

/// What devices show about an event.
#[derive(Clone, Copy, Debug)]
pub struct PushText {
    /// The first line, from the event's data.
    pub title: fn(&Value) -> Cow<'static, str>,
    /// What happened.
    pub body: &'static str,
}

impl Audience {
    /// The roles whose holders are told, the one that may do most first; none where it is one person.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| match self {
            Self::Owners | Self::PersonAndOwners => *role == Role::Owner,
            Self::Holding(permission) => role.holds(permission),
            Self::Person
            | Self::PersonWhen(_)
            | Self::People(_)
            | Self::NewAddress
            | Self::OldAddress
            | Self::Invited => false,
        })
    }
}

impl Told {
    /// What is told about this event, and its data, which is what its name and version promise; nothing where
    /// nobody is told.
    pub fn about(
        told: &[&'static [Self]],
        event: &Envelope,
    ) -> Option<Result<(&'static Self, Value), serde_json::Error>> {
        let is_it = |told: &&Self| told.event.name == event.kind && told.event.version == event.version;
        let told = told.iter().copied().flatten().find(is_it)?;
        Some((told.event.read)(&event.data).map(|data| (told, data)))
    }
}
