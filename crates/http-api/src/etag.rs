//! Requests about a resource as somebody has seen it: `ETag`, `If-None-Match` and `If-Match` (RFC
//! 9110, section 13). The tag of a resource is its version.

use http::{HeaderMap, HeaderName, header};
use primitives::Expected;

/// The tag of a resource at a version.
pub(crate) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Tags that are not of ours are of nothing that there is; weak ones are compared strongly, and so
/// match nothing either. What is no list of tags is malformed. A list may be empty (section 5.6.1), and what
/// it asks for is never so: whoever lost the tag changes nothing.
pub(crate) fn expected(headers: &HeaderMap) -> Option<Expected> {
    let tags = tags(headers, &header::IF_MATCH)?;
    if tags == ["*"] || !headers.contains_key(header::IF_MATCH) {
        return Some(Expected::Any);
    }
    // A tag is a text: `"01"` is not the one of version 1.
    let version = |tag: &String| {
        let version = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
        (etag(version) == *tag).then_some(version)
    };
    Some(Expected::OneOf(tags.iter().filter_map(version).collect()))
}

/// Whether the client has the resource with this tag already (section 13.1.2: a weak comparison).
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = tags(headers, &header::IF_NONE_MATCH).unwrap_or_default();
    tags.iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The tags in a header, as they are written; nothing where one is none.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let mut rest = value.to_str().ok()?.trim();
        while !rest.is_empty() {
            // An element of a list may be empty (RFC 9110, section 5.6.1.2).
            if let Some(left) = rest.strip_prefix(',') {
                rest = left.trim_start();
                continue;
            }
            let (tag, left) = first(rest)?;
            tags.push(tag.to_owned());
            rest = left.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
    let alone = tags.len() == 1 || !tags.iter().any(|tag| tag == "*");
    alone.then_some(tags)
}

/// The first tag of a list, and what is behind it. A comma may stand in a tag, a quotation mark may
/// not.
fn first(list: &str) -> Option<(&str, &str)> {
    if let Some(left) = list.strip_prefix('*') {
        return Some(("*", left));
    }
    let opaque = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?;
    let end = list.len() - opaque.len() + opaque.find('"')? + 1;
    Some(list.split_at(end))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_version_is_expected_as_it_was_shown() {
        let of = |values: &[&str]| expected(&headers(&header::IF_MATCH, values));
        assert_eq!(of(&[]), Some(Expected::Any));
        assert_eq!(of(&["*"]), Some(Expected::Any));
        assert_eq!(of(&[&etag(7)]), Some(Expected::OneOf(vec![7])));
        assert_eq!(of(&["\"7\" , \"x,y\"", "\"9\""]), Some(Expected::OneOf(vec![7, 9])));
        for none in ["W/\"7\"", "\"07\"", "\"+7\"", "\"\"", "\"-1\"", "\"7.0\""] {
            assert_eq!(of(&[none]), Some(Expected::OneOf(vec![])), "{none}");
        }
        assert_eq!(of(&[", \"7\" ,,"]), Some(Expected::OneOf(vec![7])));
        for empty in ["", ",", " , "] {
            assert_eq!(of(&[empty]), Some(Expected::OneOf(vec![])), "fulfilled by nothing: {empty:?}");
        }
        for malformed in ["7", "\"7", "\"7\" \"8\"", "*, \"7\"", "w/\"7\"", "\"a\"b\""] {
            assert_eq!(of(&[malformed]), None, "{malformed}");
        }
    }

    #[test]
    fn what_is_known_is_compared_weakly() {
        let known = |value: &str| is_known(&headers(&header::IF_NONE_MATCH, &[value]), "\"7\"");
        for value in ["\"7\"", "W/\"7\"", "\"x\", \"7\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"8\"", "7", "", "W/"] {
            assert!(!known(value), "{value}");
        }
    }
}
