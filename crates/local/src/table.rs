//! The tables: dynoxide, an embedded DynamoDB, made from the template.

use std::collections::HashMap;

use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::delete_table::DeleteTableRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::types::{AttributeValue, Item};
use dynoxide::{Database, DynoxideError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::template::TableSpec;

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
#[error("table {table}: {problem}")]
pub(crate) struct TableError {
    table: String,
    problem: String,
}

impl TableError {
    fn new(table: &str, problem: &impl ToString) -> Self {
        Self { table: table.to_owned(), problem: problem.to_string() }
    }
}

/// The template's tables in one database.
#[derive(Clone)]
pub(crate) struct Tables {
    database: Database,
    specs: Vec<TableSpec>,
}

/// A page of items as plain JSON.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    /// Where to go on.
    pub(crate) next: Option<Place>,
}

/// A place in the tables, which stand in the order of their names.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    table: String,
    /// The last item seen there.
    key: Option<Item>,
}

impl Tables {
    /// Makes the tables that are not there yet.
    pub(crate) fn open(database: Database, specs: Vec<TableSpec>) -> Result<Self, TableError> {
        let tables = Self { database, specs };
        for spec in &tables.specs {
            tables.create_if_missing(spec)?;
        }
        Ok(tables)
    }

    /// The engine, for its HTTP endpoint.
    pub(crate) fn database(&self) -> Database {
        self.database.clone()
    }

    /// Names of the tables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.specs.iter().map(|spec| spec.name.as_str())
    }

    fn create_if_missing(&self, spec: &TableSpec) -> Result<(), TableError> {
        let wrong = |error: &dyn std::fmt::Display| TableError::new(&spec.name, &error.to_string());
        if self.database.get_table_metadata(&spec.name).map_err(|error| wrong(&error))?.is_some() {
            return Ok(());
        }
        let request = serde_json::from_value(spec.create.clone()).map_err(|error| wrong(&error))?;
        self.database.create_table(request).map_err(|error| wrong(&error))?;
        if let Some(attribute) = &spec.ttl_attribute {
            let request = json!({
                "TableName": spec.name,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
            });
            let request = serde_json::from_value(request).map_err(|error| wrong(&error))?;
            self.database.update_time_to_live(request).map_err(|error| wrong(&error))?;
        }
        Ok(())
    }

    /// Drops every table with its items and makes it anew.
    pub(crate) fn recreate(&self) -> Result<(), TableError> {
        for spec in &self.specs {
            self.database
                .delete_table(DeleteTableRequest { table_name: spec.name.clone() })
                .map_err(|error| TableError::new(&spec.name, &error))?;
            self.create_if_missing(spec)?;
        }
        Ok(())
    }

    /// The next stream records of a table after the one with the sequence number `after`, as Lambda
    /// gives them to functions.
    pub(crate) fn records(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Value>, TableError> {
        let wrong = |error: &dyn std::fmt::Display| TableError::new(table, &error.to_string());
        let iterator = self
            .database
            .get_shard_iterator(GetShardIteratorRequest {
                stream_arn: format!("arn:aws:dynamodb:local:local:table/{table}/stream/local"),
                shard_id: dynoxide::streams::shard_id(table),
                shard_iterator_type: if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" }
                    .to_owned(),
                sequence_number: after.map(str::to_owned),
            })
            .map_err(|error| wrong(&error))?
            .shard_iterator
            .unwrap_or_default();
        let request = GetRecordsRequest { shard_iterator: iterator, limit: Some(limit) };
        let records = self.database.get_records(request).map_err(|error| wrong(&error))?.records;
        records.iter().map(|record| serde_json::to_value(record).map_err(|error| wrong(&error))).collect()
    }

    /// Deletes the items whose time to live is over at `now` (epoch seconds) and returns how many
    /// there were.
    ///
    /// The engine has a sweep of its own, but a database on disk reads the machine's clock and not
    /// the virtual one.
    pub(crate) fn sweep(&self, now: i64) -> Result<usize, TableError> {
        let mut deleted = 0;
        for spec in &self.specs {
            let Some(attribute) = &spec.ttl_attribute else { continue };
            deleted += self.sweep_table(spec, attribute, now)?;
        }
        Ok(deleted)
    }

    fn sweep_table(&self, spec: &TableSpec, attribute: &str, now: i64) -> Result<usize, TableError> {
        let wrong = |error: &dyn std::fmt::Display| TableError::new(&spec.name, &error.to_string());
        let names = HashMap::from([("#ttl".to_owned(), attribute.to_owned())]);
        let values = HashMap::from([(":now".to_owned(), AttributeValue::N(now.to_string()))]);
        let keys: Vec<&str> = spec.create["KeySchema"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key["AttributeName"].as_str())
            .collect();
        let (mut start, mut deleted) = (None, 0);
        loop {
            let page = self
                .database
                .scan(ScanRequest {
                    table_name: spec.name.clone(),
                    filter_expression: Some("#ttl < :now".to_owned()),
                    expression_attribute_names: Some(names.clone()),
                    expression_attribute_values: Some(values.clone()),
                    exclusive_start_key: start,
                    ..ScanRequest::default()
                })
                .map_err(|error| wrong(&error))?;
            for item in page.items.unwrap_or_default() {
                let key = item.into_iter().filter(|(name, _)| keys.contains(&name.as_str())).collect();
                let request = DeleteItemRequest {
                    table_name: spec.name.clone(),
                    key,
                    // The item may have been written again since the scan.
                    condition_expression: Some("#ttl < :now".to_owned()),
                    expression_attribute_names: Some(names.clone()),
                    expression_attribute_values: Some(values.clone()),
                    ..DeleteItemRequest::default()
                };
                deleted += usize::from(self.database.delete_item(request).is_ok());
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(deleted);
            }
        }
    }

    /// Items of the tables, one after the other: all, or those of one partition.
    pub(crate) fn browse(
        &self,
        partition: Option<&str>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Page, TableError> {
        let mut page = Page { items: Vec::new(), next: None };
        let mut start = after.as_ref().and_then(|after| after.key.clone());
        let begin = after.map(|after| after.table).unwrap_or_default();
        for spec in self.specs.iter().skip_while(|spec| spec.name < begin) {
            if page.items.len() >= limit {
                page.next = Some(Place { table: spec.name.clone(), key: None });
                break;
            }
            let (items, next) = self
                .part(spec, partition, start.take(), limit - page.items.len())
                .map_err(|error| TableError::new(&spec.name, &error))?;
            page.items.extend(items.iter().map(plain_item));
            if next.is_some() {
                page.next = Some(Place { table: spec.name.clone(), key: next });
                break;
            }
        }
        Ok(page)
    }

    fn part(
        &self,
        spec: &TableSpec,
        partition: Option<&str>,
        start: Option<Item>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<Item>), DynoxideError> {
        let Some(partition) = partition else {
            let response = self.database.scan(ScanRequest {
                table_name: spec.name.clone(),
                limit: Some(limit),
                exclusive_start_key: start,
                ..ScanRequest::default()
            })?;
            return Ok((response.items.unwrap_or_default(), response.last_evaluated_key));
        };
        let key = spec.create["KeySchema"][0]["AttributeName"].as_str().unwrap_or_default();
        let value = AttributeValue::S(partition.to_owned());
        let response = self.database.query(QueryRequest {
            table_name: spec.name.clone(),
            key_condition_expression: Some("#key = :key".to_owned()),
            expression_attribute_names: Some(HashMap::from([("#key".to_owned(), key.to_owned())])),
            expression_attribute_values: Some(HashMap::from([(":key".to_owned(), value)])),
            scan_index_forward: true,
            limit: Some(limit),
            exclusive_start_key: start,
            ..QueryRequest::default()
        })?;
        Ok((response.items.unwrap_or_default(), response.last_evaluated_key))
    }
}

fn plain_item(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>())
}

/// An attribute value without DynamoDB's type letters.
fn plain(value: &AttributeValue) -> Value {
    let number = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(text) => number(text),
        AttributeValue::BOOL(flag) => json!(flag),
        AttributeValue::NULL(_) => Value::Null,
        AttributeValue::SS(texts) => json!(texts),
        AttributeValue::NS(numbers) => numbers.iter().map(number).collect(),
        AttributeValue::L(items) => items.iter().map(plain).collect(),
        AttributeValue::M(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        // Binary has no plain form; it stays as DynamoDB writes it.
        binary => serde_json::to_value(binary).unwrap_or_default(),
    }
}

/// Opens the engine, with an index by which it finds the last number of its stream. Without one it looks
/// through all records that there are with each write.
pub(crate) fn open_engine(path: &str) -> dynoxide::Result<Database> {
    const BY_NUMBER: &str = "CREATE INDEX IF NOT EXISTS stream_by_number \
                             ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
    let database = Database::new(path)?;
    let index = rusqlite::Connection::open(path).and_then(|own| own.execute_batch(BY_NUMBER));
    if let Err(error) = index {
        tracing::warn!(%error, "the stream has no index; writes get slower with each");
    }
    Ok(database)
}
