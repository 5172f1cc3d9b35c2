use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{ContentBuilder, RefOr, Response, ResponseBuilder},
};

use crate::problem::ProblemDocument;

/// The answers that every route may give beside its own: problem documents.
#[derive(Debug)]
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let content = ContentBuilder::new().schema(Some(ProblemDocument::schema())).build();
        let response = ResponseBuilder::new()
            .description("A problem document (RFC 9457); `code` says which problem")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}
