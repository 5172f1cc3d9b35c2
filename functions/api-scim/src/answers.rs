use http_api::{Answer, IntoResponse, Response, StatusCode, http::HeaderMap};
use scim::{Group, Listing, Paging, Shown, Start, User};
use serde_json::{Map, Value, json};
use table::Item;

use crate::Api;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A page of resources (RFC 7644, section 3.4.2; RFC 9865, section 2).
pub(crate) fn page<T>(found: &Listing<T>, paging: &Paging, resources: &[Map<String, Value>]) -> Response {
    let mut page = json!({
        "schemas": [LIST], "totalResults": found.total, "itemsPerPage": resources.len(), "Resources": resources,
    });
    match &paging.start {
        Start::Index(index) => page["startIndex"] = (*index).into(),
        Start::Cursor(_) => {
            if let Some(next) = &found.next_cursor {
                page["nextCursor"] = next.as_str().into();
            }
        }
    }
    Answer::ok(&page).into_response()
}

/// A list that is shown whole.
pub(crate) fn whole(resources: &[Value]) -> Response {
    let page = json!({
        "schemas": [LIST], "totalResults": resources.len(), "itemsPerPage": resources.len(), "startIndex": 1,
        "Resources": resources,
    });
    Answer::ok(&page).into_response()
}

impl Api {
    /// A user, made or changed by this request.
    pub(crate) fn user(&self, status: StatusCode, user: &User, shown: &Shown) -> Response {
        let version = user.version();
        let at = format!("{}/Users/{}", self.base, user.scim_id);
        let answer = Answer::new(status, &shown.of(user.resource(&self.base, version))).tagged(version);
        placed(answer, status, at).into_response()
    }

    /// The same of a group.
    pub(crate) fn group(
        &self,
        status: StatusCode,
        (group, members): (&Group, Option<&[primitives::ScimUserId]>),
        shown: &Shown,
    ) -> Response {
        let version = group.version();
        let at = format!("{}/Groups/{}", self.base, group.group_id);
        let resource = shown.of(group.resource(&self.base, version, members));
        placed(Answer::new(status, &resource).tagged(version), status, at).into_response()
    }
}

fn placed(answer: Answer, status: StatusCode, at: String) -> Answer {
    if status == StatusCode::CREATED { answer.at(at) } else { answer }
}

/// A resource to whoever may have it already.
pub(crate) fn unless_known(resource: &Map<String, Value>, version: u64, headers: &HeaderMap) -> Response {
    Answer::ok(resource).tagged(version).unless_known(headers)
}
