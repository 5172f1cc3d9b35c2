use http_api::Problem;
use scim::{Filter, Paging, ScimError, Shown, Start, discovery::LARGEST_PAGE};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Which resources are asked for, and what of them (RFC 7644, section 3.4.2).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    filter: Option<String>,
    #[serde(rename = "startIndex")]
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    attributes: Option<String>,
    #[serde(rename = "excludedAttributes")]
    excluded: Option<String>,
}

impl Asked {
    /// The same as a body says it (section 3.4.3).
    pub(crate) fn read(body: &Map<String, Value>) -> Self {
        let text = |name: &str| {
            let value =
                body.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            match value {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Array(names)) => {
                    Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
                }
                Some(other) => Some(other.to_string()),
            }
        };
        Self {
            filter: text("filter"),
            start_index: text("startIndex"),
            count: text("count"),
            cursor: text("cursor"),
            attributes: text("attributes"),
            excluded: text("excludedAttributes"),
        }
    }

    /// What is shown.
    pub(crate) fn shown(&self, kind: &scim::ResourceKind) -> Result<Shown, ScimError> {
        Shown::read(kind, self.attributes.as_deref(), self.excluded.as_deref())
    }

    /// The filter, where there is one.
    pub(crate) fn filter(&self) -> Result<Option<Filter>, ScimError> {
        self.filter.as_deref().filter(|text| !text.trim().is_empty()).map(Filter::read).transpose()
    }

    /// The page. A number below what there is means the first that there is (section 3.4.2.4).
    pub(crate) fn paging(&self) -> Result<Paging, Problem> {
        let number = |name: &str, text: Option<&str>| -> Result<Option<i64>, ScimError> {
            text.map(|text| text.trim().parse().map_err(|_| ScimError::Value(format!("{name} is a number"))))
                .transpose()
        };
        let count = number("count", self.count.as_deref())?;
        let count = count.map_or(LARGEST_PAGE, |count| usize::try_from(count.max(0)).unwrap_or(LARGEST_PAGE));
        let index = number("startIndex", self.start_index.as_deref())?;
        let start = match (&self.cursor, index) {
            (Some(_), Some(_)) => {
                let both = "use startIndex or cursor, and not both".to_owned();
                return Err(ScimError::Value(both).into());
            }
            (Some(cursor), None) => Start::Cursor(Some(cursor.clone()).filter(|cursor| !cursor.is_empty())),
            (None, index) => {
                Start::Index(index.and_then(|index| u64::try_from(index).ok()).unwrap_or(1).max(1))
            }
        };
        Ok(Paging { start, count: count.min(LARGEST_PAGE) })
    }
}
