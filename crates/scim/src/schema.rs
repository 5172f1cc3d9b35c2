//! The attributes of users and groups (RFC 7643, section 4), as the schemas tell them, and as bodies,
//! patches and filters are read by. What is in no schema is passed over: identity providers send more than
//! that.

use serde_json::{Value, json};

/// What sort of value an attribute has.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// Yes or no.
    Boolean,
    /// Where something is.
    Reference(&'static str),
    /// Several parts.
    Complex(&'static [Attribute]),
}

/// Who writes an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// The client.
    ReadWrite,
    /// We alone.
    ReadOnly,
    /// The client, once.
    Immutable,
}

/// An attribute, or a part of one.
#[expect(clippy::struct_excessive_bools, reason = "RFC 7643, section 7, has them")]
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its values.
    pub kind: Kind,
    /// Whether there may be several.
    pub many: bool,
    /// Whether there must be one.
    pub required: bool,
    /// Whether large and small letters differ.
    pub exact: bool,
    /// Who writes it.
    pub mutability: Mutability,
    /// Whether no two resources have the same.
    pub unique: bool,
    /// The usual values.
    pub usual: &'static [&'static str],
}

const fn text(name: &'static str, about: &'static str) -> Attribute {
    Attribute {
        name,
        about,
        kind: Kind::Text,
        many: false,
        required: false,
        exact: false,
        mutability: Mutability::ReadWrite,
        unique: false,
        usual: &[],
    }
}

const fn boolean(name: &'static str, about: &'static str) -> Attribute {
    Attribute { kind: Kind::Boolean, ..text(name, about) }
}

const NAME: &[Attribute] = &[
    text("formatted", "The whole name, as it is shown."),
    text("familyName", "The family name."),
    text("givenName", "The given name."),
    text("middleName", "The middle name."),
    text("honorificPrefix", "What stands before it."),
    text("honorificSuffix", "What stands behind it."),
];

const EMAILS: &[Attribute] = &[
    text("value", "The address."),
    text("display", "The address as it is shown."),
    Attribute { usual: &["work", "home", "other"], ..text("type", "What it is for.") },
    boolean("primary", "Whether it is the one to write to."),
];

const GROUPS: &[Attribute] = &[
    Attribute { mutability: Mutability::ReadOnly, exact: true, ..text("value", "The group's id.") },
    Attribute {
        kind: Kind::Reference("Group"),
        mutability: Mutability::ReadOnly,
        exact: true,
        ..text("$ref", "Where the group is.")
    },
    Attribute {
        mutability: Mutability::ReadOnly,
        usual: &["direct"],
        ..text("type", "How the user is in it.")
    },
];

const MEMBERS: &[Attribute] = &[
    Attribute { mutability: Mutability::Immutable, exact: true, ..text("value", "The user's id.") },
    Attribute {
        kind: Kind::Reference("User"),
        mutability: Mutability::Immutable,
        exact: true,
        ..text("$ref", "Where the user is.")
    },
    Attribute { mutability: Mutability::Immutable, usual: &["User"], ..text("type", "What the member is.") },
];

/// What users and groups have in common (RFC 7643, section 3.1): in no schema, and known all the same.
pub(crate) const COMMON: &[Attribute] = &[
    Attribute { mutability: Mutability::ReadOnly, exact: true, ..text("id", "The id.") },
    Attribute { exact: true, ..text("externalId", "The id that the identity provider gave.") },
];

/// A kind of resource.
#[derive(Debug)]
pub struct ResourceKind {
    /// Its name.
    pub name: &'static str,
    /// Where its resources are.
    pub endpoint: &'static str,
    /// The URI of its schema.
    pub schema: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its own attributes.
    pub attributes: &'static [Attribute],
}

/// The URI of the schema of users (RFC 7643, section 4.1).
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The same of groups (section 4.2).
pub const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Users.
pub const USER: ResourceKind = ResourceKind {
    name: "User",
    endpoint: "/Users",
    schema: USER_SCHEMA,
    about: "A user of the directory.",
    attributes: &[
        Attribute { required: true, unique: true, ..text("userName", "What the user signs in as.") },
        Attribute { kind: Kind::Complex(NAME), ..text("name", "The parts of the name.") },
        text("displayName", "The name to be shown."),
        text("nickName", "What friends say."),
        text("title", "What the user is in the company."),
        text("userType", "How the user belongs to the company."),
        text("preferredLanguage", "The language that the user reads."),
        text("locale", "How dates and numbers are written."),
        text("timezone", "The time zone."),
        boolean(
            "active",
            "Whether the user may come in. That it becomes false ends sessions, keys and the seat.",
        ),
        Attribute { kind: Kind::Complex(EMAILS), many: true, ..text("emails", "Addresses.") },
        Attribute {
            kind: Kind::Complex(GROUPS),
            many: true,
            mutability: Mutability::ReadOnly,
            ..text("groups", "The groups that the user is in.")
        },
    ],
};

/// Groups.
pub const GROUP: ResourceKind = ResourceKind {
    name: "Group",
    endpoint: "/Groups",
    schema: GROUP_SCHEMA,
    about: "A group of the directory, which may give its members a role.",
    attributes: &[
        Attribute { required: true, unique: true, ..text("displayName", "What the group is called.") },
        Attribute { kind: Kind::Complex(MEMBERS), many: true, ..text("members", "Who is in it.") },
    ],
};

/// The attribute of this name; names have no case (RFC 7643, section 2.1).
pub(crate) fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl ResourceKind {
    /// The attribute of this name, also one that all resources have.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        named(self.attributes, name).or_else(|| named(COMMON, name))
    }

    /// Whether there is such an attribute, or something else that every resource has.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let of_all = ["meta", "schemas"].iter().any(|known| known.eq_ignore_ascii_case(name));
        of_all || self.attribute(name).is_some()
    }

    /// The name without the schema's URI before it, where it is this one's.
    pub(crate) fn unqualified<'a>(&self, name: &'a str) -> Option<&'a str> {
        let lower = |text: &str| text.to_ascii_lowercase();
        if !lower(name).starts_with("urn:") {
            return Some(name);
        }
        let (uri, rest) = name.split_at_checked(self.schema.len())?;
        uri.eq_ignore_ascii_case(self.schema).then(|| rest.strip_prefix(':').unwrap_or(rest))
    }
}

impl Attribute {
    /// The parts of it.
    pub(crate) fn parts(&self) -> &'static [Self] {
        match self.kind {
            Kind::Complex(parts) => parts,
            _ => &[],
        }
    }

    /// As a schema shows it (RFC 7643, section 7).
    pub(crate) fn described(&self) -> Value {
        let kind = match self.kind {
            Kind::Text => "string",
            Kind::Boolean => "boolean",
            Kind::Reference(_) => "reference",
            Kind::Complex(_) => "complex",
        };
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
        };
        let mut described = json!({
            "name": self.name, "type": kind, "multiValued": self.many, "description": self.about,
            "required": self.required, "caseExact": self.exact, "mutability": mutability,
            "returned": "default", "uniqueness": if self.unique { "server" } else { "none" },
        });
        if let Kind::Reference(to) = self.kind {
            described["referenceTypes"] = json!([to]);
        }
        if !self.usual.is_empty() {
            described["canonicalValues"] = json!(self.usual);
        }
        if let Kind::Complex(parts) = self.kind {
            described["subAttributes"] = parts.iter().map(Self::described).collect();
        }
        described
    }
}
