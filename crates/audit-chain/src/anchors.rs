//! Anchors that a log is held against: the rows of the API, and the files that they name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use primitives::json;
use serde_json::Value;

use crate::{Anchor, Anchored, Finding, NoAnchor};

/// Anchors of one organization's chain, and what was found about them.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    /// Those that are proved, the oldest first.
    pub(crate) proved: Vec<Anchored>,
    /// How many files were given.
    pub(crate) files: usize,
    pub(crate) findings: Vec<Finding>,
    /// That there is a list, and nothing in it.
    pub(crate) is_empty_list: bool,
}

impl Anchors {
    /// Reads anchors as the API shows them, pages of them or one a line; and the files that they name, where
    /// there are any, by what they are called.
    pub fn read(rows: &str, files: &[(String, Vec<u8>)]) -> Self {
        let mut anchors = Self { files: files.len(), ..Self::default() };
        let mut read = BTreeMap::new();
        for row in anchors.rows(rows) {
            match json::from_value::<Anchored>(row) {
                Ok(row) => drop(read.insert((row.sequence, row.anchor.clone()), row)),
                Err(error) => anchors.findings.push(Finding::NoAnchor { reason: error.to_string() }),
            }
        }
        for row in read.into_values() {
            if row.is_proved() {
                anchors.proved.push(row);
            } else {
                anchors.findings.push(Finding::NotProved { anchor: row.to_string() });
            }
        }
        if anchors.proved.is_empty() && anchors.findings.is_empty() && !anchors.is_empty_list {
            anchors.findings.push(Finding::NoAnchor { reason: "there is none in it".to_owned() });
        }
        anchors.hold_against(files);
        anchors
    }

    fn rows(&mut self, text: &str) -> Vec<Value> {
        let documents = if let Ok(document) = json::from_str::<Value>(text) {
            vec![document]
        } else {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let read = lines.map(json::from_str::<Value>);
            let mut good = Vec::new();
            for document in read {
                match document {
                    Ok(document) => good.push(document),
                    Err(error) => self.findings.push(Finding::NoAnchor { reason: error.to_string() }),
                }
            }
            good
        };
        let has_list = documents.iter().any(|document| document["items"].is_array() || document.is_array());
        let rows = documents.into_iter().flat_map(|mut document| match document.get_mut("items") {
            Some(Value::Array(rows)) => std::mem::take(rows),
            _ => match document {
                Value::Array(rows) => rows,
                row => vec![row],
            },
        });
        let rows: Vec<_> = rows.collect();
        self.is_empty_list = has_list && rows.is_empty();
        rows
    }

    /// Whether the files are what their roots say, the rows are in them, and they are one chain.
    fn hold_against(&mut self, files: &[(String, Vec<u8>)]) {
        if files.is_empty() {
            return;
        }
        let mut anchors = HashMap::new();
        for (file, content) in files {
            match Anchor::read(content) {
                Ok(anchor) => drop(anchors.insert(anchor.name(), anchor)),
                Err(reason) => self.findings.push(Finding::File { file: file.clone(), reason }),
            }
        }
        for row in &self.proved {
            match anchors.get(&row.anchor) {
                Some(anchor) if anchor.size == row.leaves && anchor.made_at == row.made_at => {}
                Some(_) => {
                    let (file, reason) = (row.anchor.clone(), NoAnchor::OtherSize);
                    self.findings.push(Finding::File { file, reason });
                }
                None => self.findings.push(Finding::NoFile { anchor: row.to_string() }),
            }
        }
        // Two of one number may be there, where two runs were at work: but one of them alone is gone on from,
        // and has rows.
        let mut used: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        let gone_on = anchors.values().filter_map(|anchor| {
            Some((anchor.number.checked_sub(1)?, anchor.previous.as_ref()?.name.as_str()))
        });
        let named = self.proved.iter().filter_map(|row| Some((row.number()?, row.anchor.as_str())));
        for (number, name) in gone_on.chain(named) {
            used.entry(number).or_default().insert(name);
        }
        let forks = used.iter().filter(|(_, names)| names.len() > 1);
        let forks: Vec<_> = forks.map(|(number, _)| Finding::Forked { number: *number }).collect();
        self.findings.extend(forks);
    }
}
