//! What `#[derive(Fault)]` makes of each form of its attribute.

use primitives::{Fault, FaultCode, FaultKind};

#[derive(Debug, thiserror::Error, Fault)]
enum Inner {
    #[error("the limit of {limit} is used up")]
    #[fault(Limited, "used_up", retry_after = limit * 2)]
    UsedUp { limit: u64 },
    /// The form is wrong. The text says how.
    #[error("{0}")]
    #[fault(Invalid, "malformed", status = 400)]
    Malformed(String),
}

#[derive(Debug, thiserror::Error, Fault)]
#[error("{0} could not be done")]
#[fault(Unavailable, "undone", retry_after = 1)]
struct Undone(&'static str);

#[derive(Debug, thiserror::Error, Fault)]
enum Outer {
    #[error("taken")]
    #[fault(Conflict, "taken")]
    Taken,
    #[error(transparent)]
    #[fault(transparent)]
    Inner(#[from] Inner),
    #[error("{failed} failed")]
    #[fault(transparent)]
    Some {
        failed: usize,
        #[source]
        first: Box<Inner>,
    },
    #[error("undone")]
    #[fault(transparent, retry_after = 7)]
    Undone { source: Undone, times: u32 },
}

fn answer(fault: &impl Fault) -> (FaultKind, &'static str, Option<u16>, Option<u64>) {
    (fault.kind(), fault.code(), fault.status(), fault.retry_after())
}

#[test]
fn a_variant_has_its_own_answer() {
    assert_eq!(answer(&Outer::Taken), (FaultKind::Conflict, "taken", None, None));
    assert_eq!(answer(&Inner::UsedUp { limit: 3 }), (FaultKind::Limited, "used_up", None, Some(6)));
    let malformed = Inner::Malformed("a".to_owned());
    assert_eq!(answer(&malformed), (FaultKind::Invalid, "malformed", Some(400), None));
    assert_eq!(answer(&Undone("it")), (FaultKind::Unavailable, "undone", None, Some(1)));
}

#[test]
fn a_source_answers_with_all_it_knows() {
    let inner = || Inner::UsedUp { limit: 1 };
    let expected = (FaultKind::Limited, "used_up", None, Some(2));
    assert_eq!(answer(&Outer::from(inner())), expected);
    assert_eq!(answer(&Outer::Some { failed: 1, first: Box::new(inner()) }), expected);
    let malformed = Outer::from(Inner::Malformed(String::new()));
    assert_eq!(malformed.status(), Some(400));
    let undone = Outer::Undone { source: Undone("it"), times: 2 };
    assert_eq!(answer(&undone), (FaultKind::Unavailable, "undone", None, Some(7)));
}

#[test]
fn a_type_lists_the_codes_that_are_its_own() {
    let codes: Vec<_> = Outer::CODES.iter().map(|code| code.code).collect();
    assert_eq!(codes, ["taken"]);
    let [used_up, malformed] = Inner::CODES else { panic!("{:?}", Inner::CODES) };
    assert_eq!(used_up.detail, "the limit of … is used up");
    let expected = FaultCode {
        kind: FaultKind::Invalid,
        status: Some(400),
        code: "malformed",
        detail: "The form is wrong",
    };
    assert_eq!(*malformed, expected);
    assert_eq!(Undone::CODES.first().unwrap().detail, "… could not be done");
}
