//! Rows as text: JSON in lines, or comma-separated values.

use jobs::Format;
use serde_json::Value;

/// The columns of an audit event as comma-separated values, and where each is in it.
const COLUMNS: [(&str, &str); 18] = [
    ("sequence", "/sequence"),
    ("time", "/time"),
    ("id", "/id"),
    ("org_id", "/org_id"),
    ("action", "/action"),
    ("actor_type", "/actor/type"),
    ("actor_id", "/actor/id"),
    ("impersonator", "/actor/impersonator"),
    ("target_type", "/target/type"),
    ("target_id", "/target/id"),
    ("correlation_id", "/correlation_id"),
    ("address", "/address"),
    ("user_agent", "/user_agent"),
    ("before", "/before"),
    ("after", "/after"),
    ("salt", "/salt"),
    ("details", "/details"),
    ("hash", "/hash"),
];

/// The ending of a file in this form, and what its `Content-Type` is.
pub(crate) fn kind(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::Jsonl => ("jsonl", "application/jsonl"),
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
    }
}

/// The beginning of a file.
pub(crate) fn begin(format: Format) -> Vec<u8> {
    let mut file = Vec::new();
    if format == Format::Csv {
        records(&mut file, [COLUMNS.map(|(name, _)| name.to_owned())]);
    }
    file
}

/// Writes rows behind the others.
pub(crate) fn write(file: &mut Vec<u8>, format: Format, rows: &[Value]) {
    match format {
        Format::Jsonl => {
            for row in rows {
                file.extend_from_slice(row.to_string().as_bytes());
                file.push(b'\n');
            }
        }
        Format::Csv => {
            records(file, rows.iter().map(|row| COLUMNS.map(|(_, place)| cell(row.pointer(place)))));
        }
    }
}

fn records<const N: usize>(file: &mut Vec<u8>, records: impl IntoIterator<Item = [String; N]>) {
    let mut writer = csv::Writer::from_writer(file);
    for record in records {
        // into memory nothing fails
        writer.write_record(record).ok();
    }
    writer.flush().ok();
}

/// A value as a cell. A text that a spreadsheet would take for a formula says that it is a text
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sheet_has_a_line_of_names_and_no_formula_of_a_stranger_s() {
        let mut file = begin(Format::Csv);
        let row = json!({
            "sequence": 1, "time": "2026-11-23T10:00:00.000Z", "action": "member.added",
            "actor": { "type": "user", "id": "usr_1" }, "target": { "type": "member", "id": "mbr_1" },
            "user_agent": "=HYPERLINK(\"https://evil.example\")", "after": { "name": "a, \"b\"\nc" }, "before": null,
        });
        write(&mut file, Format::Csv, std::slice::from_ref(&row));
        let text = String::from_utf8(file).unwrap();
        let mut read = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(read.headers().unwrap().len(), COLUMNS.len());
        let record = read.records().next().unwrap().unwrap();
        assert_eq!(&record[0], "1");
        assert_eq!(&record[12], "'=HYPERLINK(\"https://evil.example\")");
        assert_eq!(&record[13], "");
        assert_eq!(serde_json::from_str::<Value>(&record[14]).unwrap(), row["after"]);
    }

    #[test]
    fn a_row_is_one_line_whatever_is_in_it() {
        let mut file = begin(Format::Jsonl);
        write(&mut file, Format::Jsonl, &[json!({ "name": "a\nb\u{2028}" }), json!({ "name": "c" })]);
        assert_eq!(String::from_utf8(file).unwrap().lines().count(), 2);
    }
}
