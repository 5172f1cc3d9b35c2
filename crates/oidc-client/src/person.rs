use primitives::Email;

/// What a provider says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalPerson {
    /// Who says so.
    pub issuer: String,
    /// The person's name there, which never changes and is never given to another.
    pub subject: String,
    /// An address of the person's, if the provider tells one.
    pub email: Option<Email>,
    /// Whether the provider knows that it is the person's, now.
    pub email_verified: bool,
}
