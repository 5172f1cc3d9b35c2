//! The parameter of a path: an id, of which there is a type.

use anyhow::{Context, Result};

/// Where the types of ids stand.
pub(super) const IDS: &str = "crates/primitives/src/id.rs";

/// A parameter.
pub(super) struct Parameter {
    /// Such as `note_id`.
    name: String,
    /// Such as `NoteId`.
    pub(super) kind: String,
    prefix: String,
}

impl Parameter {
    /// Reads a part of a path such as `{note_id}`.
    pub(super) fn read(part: &str, ids: &str) -> Result<Self> {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix("_id}"));
        let is_name = |name: &&str| {
            name.split('_').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        let noun = name.filter(is_name).with_context(|| format!("{part:?}: call a parameter {{noun_id}}"))?;
        let kind = format!("{}Id", super::camel(noun));
        let line = ids.lines().find_map(|line| line.trim().strip_prefix(&format!("{kind} = ")));
        let prefix = line.and_then(|line| line.split('"').nth(1)).with_context(|| {
            format!("{IDS} has no {kind}; add it there, or let `cargo xtask new-domain` do so")
        })?;
        Ok(Self { name: format!("{noun}_id"), kind, prefix: prefix.to_owned() })
    }

    /// What it names.
    pub(super) fn noun(&self) -> &str {
        self.name.trim_end_matches("_id")
    }

    /// Its line in the description of a route.
    pub(super) fn described(&self) -> String {
        let words = self.noun().replace('_', " ");
        format!("    params((\"{}\" = {}, Path, description = \"The {words}\")),\n", self.name, self.kind)
    }

    /// The path with an id in its place.
    pub(super) fn in_path(&self, path: &str) -> String {
        path.replace(&format!("{{{}}}", self.name), &format!("{}_01kar8h5g0e0vsx4q1v3f6m2ah", self.prefix))
    }
}
