use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use dynoxide::{
    Database as Engine, DynoxideError,
    actions::{
        delete_item::DeleteItemRequest, describe_table::DescribeTableRequest, get_records::GetRecordsRequest,
        get_shard_iterator::GetShardIteratorRequest, list_tables::ListTablesRequest,
        put_item::PutItemRequest,
    },
    types::{AttributeValue, Item},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use table::keys::{PK, SK};

/// Where an item is: table, partition key, sort key.
pub(crate) type Address = (String, String, String);

/// How far the streams have been read: the last sequence number, by table.
pub(crate) type Places = HashMap<String, String>;

/// What a stream says of one write.
pub(crate) struct Write {
    table: String,
    number: String,
    keys: Item,
    before: Option<Item>,
    after: Option<Item>,
}

/// A copy of a database, or of one of its indexes, in which each item is behind by itself: an eventual read
/// that should see a write misses it once or twice, and then sees it.
pub(crate) struct Replica {
    pub(crate) engine: Engine,
    tables: Vec<String>,
    read_up_to: Places,
    behind: HashMap<Address, Behind>,
    chance: u64,
    writes: u64,
}

/// An item of which the replica still has an earlier state.
struct Behind {
    newest: Write,
    /// How many more reads miss the newest state.
    misses: u8,
}

impl Replica {
    /// Of what the database held at these places nothing is missed.
    pub(crate) fn of(database: &Engine, settled: &Places, chance: u64) -> Result<Self, DynoxideError> {
        let engine = Engine::memory()?;
        let tables = followed(database)?;
        for table in &tables {
            engine.create_table(definition(database, table)?)?;
        }
        let mut replica =
            Self { engine, tables, read_up_to: Places::new(), behind: HashMap::new(), chance, writes: 0 };
        replica.follow(database, settled)?;
        Ok(replica)
    }

    /// Learns what was written since; what is later than `settled` is behind from now on.
    pub(crate) fn follow(&mut self, database: &Engine, settled: &Places) -> Result<(), DynoxideError> {
        for write in written_since(database, &mut self.read_up_to)? {
            self.writes += 1;
            let address = write.address();
            if settled.get(&write.table).is_some_and(|settled| write.number <= *settled) {
                self.behind.remove(&address);
                self.apply(&write.table, &write.keys, write.after)?;
                continue;
            }
            let mut hasher = DefaultHasher::new();
            (self.chance, self.writes).hash(&mut hasher);
            let misses = if hasher.finish().is_multiple_of(2) { 1 } else { 2 };
            let misses = self.behind.get(&address).map_or(misses, |behind| behind.misses);
            self.behind.insert(address, Behind { newest: write, misses });
        }
        Ok(())
    }

    /// Lets nothing be missed any more that was written before.
    pub(crate) fn settle(&mut self, database: &Engine, settled: &Places) -> Result<(), DynoxideError> {
        self.follow(database, settled)?;
        for (_, Behind { newest: Write { table, keys, after, .. }, .. }) in std::mem::take(&mut self.behind) {
            self.apply(&table, &keys, after)?;
        }
        Ok(())
    }

    pub(crate) fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|known| known == table)
    }

    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Says which of these items a read missed, and lets the next read see more of them.
    pub(crate) fn missed(&mut self, read: BTreeSet<Address>) -> Result<Vec<Address>, DynoxideError> {
        let missed: Vec<_> = read.into_iter().filter(|address| self.behind.contains_key(address)).collect();
        for address in &missed {
            let Some(mut behind) = self.behind.remove(address) else { continue };
            let Write { table, keys, before, after, .. } = &mut behind.newest;
            behind.misses -= 1;
            // of several writes the last but one is seen in between
            let seen = if behind.misses == 0 { after.take() } else { before.take() };
            self.apply(table, keys, seen)?;
            if behind.misses > 0 {
                self.behind.insert(address.clone(), behind);
            }
        }
        Ok(missed)
    }

    fn apply(&self, table: &str, keys: &Item, state: Option<Item>) -> Result<(), DynoxideError> {
        let table_name = table.to_owned();
        if let Some(item) = state {
            self.engine.put_item(PutItemRequest { table_name, item, ..PutItemRequest::default() })?;
        } else {
            let key = keys.clone();
            self.engine.delete_item(DeleteItemRequest { table_name, key, ..DeleteItemRequest::default() })?;
        }
        Ok(())
    }
}

impl Write {
    fn address(&self) -> Address {
        address(&self.table, &self.keys)
    }
}

/// Where an item of this table is.
pub(crate) fn address(table: &str, item: &Item) -> Address {
    let part = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    (table.to_owned(), part(PK), part(SK))
}

/// Everything written behind these places, which move to the end.
pub(crate) fn written_since(database: &Engine, places: &mut Places) -> Result<Vec<Write>, DynoxideError> {
    let mut writes = Vec::new();
    for table in followed(database)? {
        loop {
            let after = places.get(&table).cloned();
            let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
            let iterator = database.get_shard_iterator(GetShardIteratorRequest {
                stream_arn: format!("arn:aws:dynamodb:local:local:table/{table}/stream/local"),
                shard_id: dynoxide::streams::shard_id(&table),
                shard_iterator_type: kind.to_owned(),
                sequence_number: after,
            })?;
            let shard_iterator = iterator.shard_iterator.unwrap_or_default();
            let page = database.get_records(GetRecordsRequest { shard_iterator, limit: None })?.records;
            let Some(last) = page.last() else { break };
            places.insert(table.clone(), last.dynamodb.sequence_number.clone());
            writes.extend(page.into_iter().map(|record| Write {
                table: table.clone(),
                number: record.dynamodb.sequence_number,
                keys: record.dynamodb.keys,
                before: record.dynamodb.old_image,
                after: record.dynamodb.new_image,
            }));
        }
    }
    Ok(writes)
}

/// The tables that have a stream.
fn followed(database: &Engine) -> Result<Vec<String>, DynoxideError> {
    let tables = database.list_tables(ListTablesRequest::default())?.table_names;
    let mut followed = Vec::new();
    for table in tables {
        if database.get_table_metadata(&table)?.is_some_and(|table| table.stream_enabled) {
            followed.push(table);
        }
    }
    Ok(followed)
}

/// What makes a table of the same keys and indexes.
fn definition<T: DeserializeOwned>(database: &Engine, table: &str) -> Result<T, DynoxideError> {
    let wrong = |error: serde_json::Error| DynoxideError::InternalServerError(error.to_string());
    let table_name = table.to_owned();
    let described = database.describe_table(DescribeTableRequest { table_name })?;
    let described = serde_json::to_value(described).map_err(wrong)?;
    let described = &described["Table"];
    let indexes = described["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
    let index = |index: &Value| {
        json!({
            "IndexName": index["IndexName"],
            "KeySchema": index["KeySchema"],
            "Projection": index["Projection"],
        })
    };
    serde_json::from_value(json!({
        "TableName": table,
        "AttributeDefinitions": described["AttributeDefinitions"],
        "KeySchema": described["KeySchema"],
        "GlobalSecondaryIndexes": indexes.map(index).collect::<Vec<_>>(),
        "BillingMode": "PAY_PER_REQUEST",
    }))
    .map_err(wrong)
}
