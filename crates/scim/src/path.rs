//! Where in a resource something is: a path of RFC 7644, section 3.5.2 (figure 7).

use crate::{
    ScimError,
    filter::{Expression, parse_within},
    schema::{ResourceKind, named},
};

/// An attribute, or a part of one, under the names of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) part: Option<String>,
}

impl Path {
    /// What a name stands for; nothing where the schema does not know it.
    pub(crate) fn plain(kind: &ResourceKind, text: &str) -> Option<Self> {
        let text = kind.unqualified(text)?;
        let (name, part) = match text.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (text, None),
        };
        if !kind.knows(name) {
            return None;
        }
        let Some(attribute) = kind.attribute(name) else {
            // what is about the resource itself
            let name = if name.eq_ignore_ascii_case("meta") { "meta" } else { "schemas" };
            return Some(Self { name: name.to_owned(), part: part.map(str::to_owned) });
        };
        let part = match part {
            Some(part) => Some(named(attribute.parts(), part)?.name.to_owned()),
            None => None,
        };
        Some(Self { name: attribute.name.to_owned(), part })
    }

    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.name == name
    }
}

/// What a patch is about: an attribute, those of its values that a filter keeps, a part of those.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) path: Path,
    pub(crate) filter: Option<Expression>,
}

/// How long a path is, bytes.
const LONGEST: usize = 2_000;

impl Target {
    /// Reads a path; nothing where it is of no schema of ours, or of nothing in it.
    pub(crate) fn read(kind: &ResourceKind, text: &str) -> Result<Option<Self>, ScimError> {
        let text = text.trim();
        let refuse = || ScimError::Path(text.chars().take(100).collect());
        if text.is_empty() || text.len() > LONGEST {
            return Err(refuse());
        }
        let Some((before, rest)) = text.split_once('[') else {
            let is_path = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":._-$".contains(&byte));
            if !is_path || text.ends_with('.') || text.starts_with('.') {
                return Err(refuse());
            }
            return Ok(Path::plain(kind, text).map(|path| Self { path, filter: None }));
        };
        let (inside, behind) = rest.rsplit_once(']').ok_or_else(refuse)?;
        let filter = parse_within(inside)?;
        let part = match behind {
            "" => None,
            behind => Some(behind.strip_prefix('.').filter(|part| !part.is_empty()).ok_or_else(refuse)?),
        };
        let whole = part.map_or_else(|| before.to_owned(), |part| format!("{before}.{part}"));
        Ok(Path::plain(kind, &whole).map(|path| Self { path, filter: Some(filter) }))
    }
}
