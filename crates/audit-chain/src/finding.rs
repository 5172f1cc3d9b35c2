use primitives::Time;

use crate::NoAnchor;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("line {line} is no event of an audit log: {reason}")]
    NoEvent { line: usize, reason: String },
    #[error("line {line} is of another organization than the first")]
    OtherOrganization { line: usize },
    #[error(
        "line {line} has no place in the chain, so nothing proves it; a true one gets one: fetch it again"
    )]
    NotChained { line: usize },
    #[error("event {sequence} is there more than once")]
    Twice { sequence: u64 },
    #[error("events {from} to {to} are missing")]
    Missing { from: u64, to: u64 },
    #[error("event {sequence} (line {line}) is not what was chained: it, its place or its hash was changed")]
    Changed { sequence: u64, line: usize },
    #[error("the chain at {sequence} is another than the one that is known from elsewhere: it was made anew")]
    OtherChain { sequence: u64 },
    #[error(
        "event {first} is not proved: what was before it is not there; give the head that you kept from then, or \
         the anchors of the log"
    )]
    Unproved { first: u64 },
    #[error(
        "the events before {first} are not there, and all of them were by {by}. If your log was not kept for so \
         long, say so with --expired-before {by}; else somebody removed them"
    )]
    BeginningGone { first: u64, by: Time },
    #[error("there are no events in it")]
    Empty,
    #[error(
        "the end is missing: the chain is known to go on to {known}, the file ends with {last}. Fetch the events \
         again, after the anchors; what is still missing then was removed"
    )]
    CutOff { last: u64, known: u64 },
    #[error("a row of the anchors cannot be read, so it proves nothing; fetch them again: {reason}")]
    NoAnchor { reason: String },
    #[error("an anchor is of another organization's chain; fetch those of this log")]
    OtherAnchors,
    #[error("the path of {anchor} does not lead to its root: the row was changed or made up")]
    NotProved { anchor: String },
    #[error("the file {file} is not what was written: {reason}. Get the first version of it from the bucket")]
    File { file: String, reason: NoAnchor },
    #[error(
        "the file of {anchor} is not among those that were given: get it from the bucket. Where it is not there \
         either, the row was made up"
    )]
    NoFile { anchor: String },
    #[error(
        "the anchors fork at number {number}: some of them were made up; ask for all versions in the bucket"
    )]
    Forked { number: u64 },
}
