use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, Response},
};

/// The answers that every route may give beside its own: problem documents. They are described
/// once, in the contract's components; which codes a route has stands in its `x-gantry-codes`.
#[derive(Debug)]
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |statuses: &str| (statuses.to_owned(), RefOr::Ref(Ref::from_response_name("Problem")));
        BTreeMap::from(["4XX", "5XX"].map(problem))
    }
}
