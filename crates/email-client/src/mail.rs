use std::fmt;

use events::{Audience, MailText, Told};
use serde::Serialize;
use serde_json::Value;

use crate::{Brand, Name, render};

/// A mail as it is sent: the same words twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Which mail it is, as SES counts them: its `mail` tag.
    pub name: String,
    /// Whether people may do without it. Then it says how to say so, where somebody reads the answers.
    pub optional: bool,
    /// One line.
    pub subject: String,
    /// For programs that show HTML.
    pub html: String,
    /// For all others.
    pub text: String,
}

/// What it says may be a secret.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How to sign in: a link and, for another device, a code. Both are secrets.
#[derive(Clone, Serialize)]
pub struct MagicLink {
    /// Where the link leads; it holds the secret.
    pub link: String,
    /// Six digits.
    pub code: String,
    /// For how many minutes both work.
    pub minutes: u32,
}

impl fmt::Debug for MagicLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MagicLink").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

impl MagicLink {
    /// The mail. The code is not in its subject: lock screens and notification servers show subjects.
    pub fn mail(&self, brand: &Brand) -> Mail {
        let subject = format!("Sign in to {}", brand.product());
        let (html, text) = render::both("magic-link", &subject, self, brand);
        Mail { name: "magic-link".to_owned(), optional: false, subject, html, text }
    }
}

/// How to show once more who one is: a code, which is a secret, for whoever is signed in already.
#[derive(Clone, Serialize)]
pub struct MailCode {
    /// Six digits.
    pub code: String,
    /// For how many minutes it works.
    pub minutes: u32,
}

impl fmt::Debug for MailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailCode").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

impl MailCode {
    /// The mail. It has no link: the code goes where it was asked for, and nowhere else.
    pub fn mail(&self, brand: &Brand) -> Mail {
        let subject = format!("Confirm on {} that it is you", brand.product());
        let (html, text) = render::both("mail-code", &subject, self, brand);
        Mail { name: "mail-code".to_owned(), optional: false, subject, html, text }
    }
}

/// How to set a new password: a link, which is a secret.
#[derive(Clone, Serialize)]
pub struct PasswordReset {
    /// Where the link leads; it holds the secret.
    pub link: String,
    /// For how many minutes it works.
    pub minutes: u32,
}

impl fmt::Debug for PasswordReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordReset").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

impl PasswordReset {
    /// The mail.
    pub fn mail(&self, brand: &Brand) -> Mail {
        let subject = format!("A new password for {}", brand.product());
        let (html, text) = render::both("password-reset", &subject, self, brand);
        Mail { name: "password-reset".to_owned(), optional: false, subject, html, text }
    }
}

/// The event's data lacks what the mail says of it.
#[derive(Debug, thiserror::Error)]
#[error("the mail about {event} cannot be written")]
pub struct TextError {
    event: &'static str,
    source: minijinja::Error,
}

/// The texts of a mail, written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a Name>,
    preview: String,
    title: String,
    paragraphs: Vec<String>,
    button: String,
    link: String,
    readers: String,
}

/// The mail about an event as its domain words it: of this organization, or about its reader alone. A secret
/// `token` stands in its link.
pub fn about(
    told: &Told,
    text: &MailText,
    organization: Option<&Name>,
    data: &Value,
    (app_url, token): (&str, Option<&str>),
    brand: &Brand,
) -> Result<Mail, TextError> {
    let write = |text: &str| {
        render::text(text, organization, data, brand)
            .map_err(|source| TextError { event: told.event.name, source })
    };
    let path = write(text.path)?;
    let written = Written {
        organization,
        preview: write(text.preview)?,
        title: write(text.title)?,
        paragraphs: text.paragraphs.iter().map(|text| write(text)).collect::<Result<_, _>>()?,
        button: write(text.button)?,
        // what stands behind the `#` is sent to no server, so no log on the way can hold it
        link: match token {
            Some(token) => format!("{app_url}{path}#token={token}"),
            None if path.starts_with("https://") => path,
            None => format!("{app_url}{path}"),
        },
        readers: readers(told.to),
    };
    let subject = write(text.subject)?;
    let (html, text_only) = render::both("event", &subject, &written, brand);
    // SES takes letters, digits, `_` and `-` in a tag
    let name = told.event.name.replace('.', "-");
    Ok(Mail { name, optional: text.optional, subject, html, text: text_only })
}

/// Such as `an owner or an admin`.
fn readers(audience: Audience) -> String {
    let named = audience.roles().map(|role| {
        let role = role.to_string();
        let article = if role.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {role}")
    });
    named.collect::<Vec<_>>().join(" or ")
}
