//! What is written down of an erasure. Whoever erases does so step by step, and each of these is harmless
//! twice.

use std::collections::BTreeSet;

use events::NewEvent;
use primitives::UserId;
use table::{Cause, Changes, CommitError, Consistency, Decision, Item, StoreError, Table};

use crate::{
    Erasure, Part, Subject,
    events::{ErasureCertified, ErasureStarted},
    keys,
};

/// The erasure of this, once it has begun.
pub async fn load(table: &Table, subject: Subject) -> Result<Option<Erasure>, StoreError> {
    table.get(&keys::Erasure::key(subject.to_string()), Consistency::Strong).await
}

/// Which of these people are being erased, or were: nothing is to be written down that names them.
pub async fn under_way(
    table: &Table,
    people: impl IntoIterator<Item = UserId>,
) -> Result<BTreeSet<UserId>, StoreError> {
    let people: Vec<_> = people.into_iter().collect();
    let keys: Vec<_> = people.iter().map(|person| keys::Erasure::key(person.to_string())).collect();
    let mut erased = BTreeSet::new();
    // a call asks for a hundred
    for (people, keys) in people.chunks(100).zip(keys.chunks(100)) {
        let mut found = table.get_many(keys, Consistency::Strong).await?;
        for (person, key) in people.iter().zip(keys) {
            erased.extend(found.take::<Erasure>(key)?.map(|_| *person));
        }
    }
    Ok(erased)
}

/// Begins an erasure; one that has begun goes on. A person is told now, by the address that goes last; `told`
/// are the people who are told when it has ended.
pub async fn begin(
    table: &Table,
    cause: &Cause,
    subject: Subject,
    told: &[UserId],
) -> Result<Erasure, CommitError> {
    let begin = |_| async move {
        if let Some(begun) = load(table, subject).await? {
            return Ok(Decision::done(begun));
        }
        let begun = Erasure::begun(subject, told.to_vec(), table.clock().now());
        let mut changes = Changes::new().create(&begun);
        if let Subject::Person(user_id) = subject {
            let event = ErasureStarted { user_id, kept: begun.certificate().kept };
            changes = changes.publish(NewEvent::new(None, &subject, begun.next_version(), &event));
        }
        let version = begun.next_version();
        Ok::<_, CommitError>(Decision::commit(changes, Erasure { version, ..begun }))
    };
    table.decide(cause, begin).await
}

/// Notes that so much of a part went; nothing where that is nothing.
pub async fn note(
    table: &Table,
    cause: &Cause,
    subject: Subject,
    (part, count): (Part, u64),
) -> Result<(), CommitError> {
    if count == 0 {
        return Ok(());
    }
    let note = |_| async move {
        let Some(erasure) = load(table, subject).await? else { return Ok(Decision::done(())) };
        Ok::<_, CommitError>(Decision::commit(Changes::new().replace(&erasure.with(part, count)), ()))
    };
    table.decide(cause, note).await
}

/// That it has ended: for the transaction that takes away what it was gone on by.
pub async fn certified(table: &Table, subject: Subject) -> Result<Changes, StoreError> {
    let Some(erasure) = load(table, subject).await? else { return Ok(Changes::new()) };
    let (ended, told) = erasure.ended(table.clock().now());
    let event = ErasureCertified { certificate: ended.certificate(), told };
    let event = NewEvent::new(None, &subject, ended.next_version(), &event);
    Ok(Changes::new().replace(&ended).publish(event))
}
