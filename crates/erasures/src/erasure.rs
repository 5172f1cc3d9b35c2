use std::collections::BTreeMap;

use primitives::{SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Part, Subject, api, kept::kept, keys};

/// How long a certificate is kept: somebody may ask for three years whether it was done, after which most
/// claims have lapsed.
pub const CERTIFICATES_ARE_KEPT: SignedDuration = SignedDuration::from_hours(3 * 366 * 24);

/// An erasure that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// What is erased.
    pub subject: Subject,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it had ended.
    pub ended_at: Option<Timestamp>,
    /// What went, part by part.
    pub(crate) erased: BTreeMap<Part, u64>,
    /// Who is told when it has ended: nobody is listed behind that.
    #[serde(default)]
    pub(crate) told: Vec<UserId>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Erasure {
    pub(crate) fn begun(subject: Subject, told: Vec<UserId>, now: Timestamp) -> Self {
        Self { subject, begun_at: now, ended_at: None, erased: BTreeMap::new(), told, version: 0 }
    }

    /// The same, after so much more of this part went.
    #[must_use]
    pub(crate) fn with(mut self, part: Part, count: u64) -> Self {
        let before = self.erased.entry(part).or_default();
        *before = before.saturating_add(count);
        self
    }

    /// The same at its end, and who is to be told.
    pub(crate) fn ended(mut self, now: Timestamp) -> (Self, Vec<UserId>) {
        let told = std::mem::take(&mut self.told);
        (Self { ended_at: Some(now), ..self }, told)
    }

    /// The certificate, or what there is of it.
    pub fn certificate(&self) -> api::Certificate {
        let part = |(part, count): (&Part, &u64)| api::ErasedPart { part: *part, count: *count };
        api::Certificate {
            id: self.subject.to_string(),
            begun_at: self.begun_at.into(),
            ended_at: self.ended_at.map(Into::into),
            erased: self.erased.iter().map(part).collect(),
            kept: kept(self.subject, self.ended_at.unwrap_or(self.begun_at)),
            expires_at: self.expires_at().map(Into::into),
        }
    }
}

impl Item for Erasure {
    fn key(&self) -> Key {
        keys::Erasure::key(self.subject.to_string())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.ended_at.map(|at| at + CERTIFICATES_ARE_KEPT)
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn parts_add_up_and_an_end_names_nobody() {
        let (now, owner) = (Timestamp::UNIX_EPOCH, Ids::unguessable());
        let erasure = Erasure::begun(Subject::Organization(Ids::unguessable()), vec![owner], now);
        let erasure = erasure.with(Part::Members, 2).with(Part::Members, 3).with(Part::Jobs, 0);
        assert_eq!(erasure.expires_at(), None);
        let (erasure, told) = erasure.ended(now);
        assert_eq!((told, &erasure.told), (vec![owner], &vec![]));
        assert_eq!(erasure.expires_at(), Some(now + CERTIFICATES_ARE_KEPT));
        let parts: Vec<_> = erasure.certificate().erased.iter().map(|one| (one.part, one.count)).collect();
        assert_eq!(parts, [(Part::Jobs, 0), (Part::Members, 5)]);
        for (part, _) in parts {
            assert_eq!(serde_json::to_value(part).unwrap(), part.to_string());
        }
    }
}
