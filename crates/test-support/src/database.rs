use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedHttpClient},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    },
};
use primitives::{Clock, Ids, Timestamp, UserId};
use table::{
    Store, Table, TableNames,
    keys::{DUE, DUE_PK, DUE_SK, LIST, LIST_PK, LIST_SK, LISTED, PK, SK},
};

use crate::{conflicts::Conflicts, replicas::Replicas};

/// An item as it stands in the table.
pub type Attributes = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// The name of the table in every test database.
pub const TABLE_NAME: &str = "gantry-test";

/// The name of the table without a stream in every test database.
pub(crate) const TRAFFIC_TABLE_NAME: &str = "gantry-test-traffic";

/// The names of both.
pub fn table_names() -> TableNames {
    TableNames { main: TABLE_NAME.to_owned(), traffic: TRAFFIC_TABLE_NAME.to_owned() }
}

fn name_of(store: Store) -> &'static str {
    match store {
        Store::Main => TABLE_NAME,
        Store::Traffic => TRAFFIC_TABLE_NAME,
    }
}

/// An emulated AWS to use instead of the embedded engine: `cargo xtask check cloud` sets it. An access key of
/// twelve digits is an account of its own there, so the tests see nothing of each other.
const OTHER_ENGINE: &str = "GANTRY_TEST_DYNAMODB_URL";

/// A database of its own, with an empty table, spoken to over HTTP by the real SDK. It lives as long as the
/// value.
#[derive(Debug)]
pub struct Database {
    /// Where it listens.
    pub url: String,
    /// A client of it.
    pub client: Client,
    crowded: SharedHttpClient,
    replicas: Option<Replicas>,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Database {
    /// Starts it.
    ///
    /// # Panics
    /// When the machine gives no port, or the engine refuses the table.
    #[expect(clippy::disallowed_methods, reason = "which engine is the command line's choice")]
    pub async fn start() -> Self {
        let Ok(url) = std::env::var(OTHER_ENGINE) else { return Self::embedded().await };
        let somebody: UserId = Ids::unguessable();
        let account = somebody.uuid().as_u128() % 1_000_000_000_000;
        let client = client(&url, &format!("{account:012}"));
        create_tables(&client).await;
        Self { url, client, crowded: crowded(), replicas: None, server: None }
    }

    /// Starts it in this process, whatever the command line says.
    ///
    /// # Panics
    /// When the machine gives no port, or the engine refuses the table.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its database")]
    #[expect(clippy::disallowed_methods, reason = "the server is stopped when the value is dropped")]
    pub async fn embedded() -> Self {
        let database = dynoxide::Database::memory().expect("a database in memory");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let replicas = Some(Replicas::of(database.clone(), &url));
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        let client = client(&url, "test");
        create_tables(&client).await;
        Self { url, client, crowded: crowded(), replicas, server: Some(server) }
    }

    /// Lets eventual reads see everything that was written. Without it they miss it first, as [`Replicas`]
    /// says.
    pub fn settle(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.settle();
        }
    }

    /// The table, on this clock and with random ids. Others are at its items as well: every fourth write is
    /// refused once.
    pub fn table(&self, clock: &Clock) -> Table {
        self.table_over(clock, self.crowded.clone())
    }

    /// The same over an HTTP client of the test's own.
    pub fn table_over(&self, clock: &Clock, http_client: SharedHttpClient) -> Table {
        let config = self.client.config().to_builder().http_client(http_client).build();
        Table::new(Client::from_conf(config), table_names(), clock.clone(), Ids::random(clock.clone()))
    }

    /// Everything in the tables, as kind and keys, sorted: what tests compare the outcomes of two runs by.
    pub async fn items(&self) -> Vec<Attributes> {
        let mut items = self.items_in(Store::Main).await;
        items.extend(self.items_in(Store::Traffic).await);
        items.sort_by_key(|item| format!("{:?} {:?}", item.get(PK), item.get(SK)));
        items
    }

    /// Everything in one of the tables.
    ///
    /// # Panics
    /// When the database does not answer.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its database")]
    pub async fn items_in(&self, store: Store) -> Vec<Attributes> {
        let pages = self.client.scan().table_name(name_of(store)).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.expect("the items")
    }

    /// Deletes an item, as nothing in the product does.
    ///
    /// # Panics
    /// When the database does not answer.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its database")]
    pub async fn delete(&self, key: &table::Key) {
        let text = aws_sdk_dynamodb::types::AttributeValue::S;
        let delete = self.client.delete_item().table_name(name_of(key.about().store)).key(PK, text(key.pk()));
        delete.key(SK, text(key.sk())).send().await.expect("the item deleted");
    }

    /// How many items of this kind there are.
    pub async fn count(&self, kind: &str) -> usize {
        let is_kind = |item: &Attributes| {
            item.get(table::keys::KIND).and_then(|value| value.as_s().ok()).is_some_and(|value| value == kind)
        };
        self.items().await.iter().filter(|item| is_kind(item)).count()
    }

    /// The events in the outbox, oldest first.
    ///
    /// # Panics
    /// When a row of the outbox holds no event.
    #[expect(clippy::expect_used, reason = "an outbox without events in it fails the test")]
    pub async fn events(&self) -> Vec<events::Envelope> {
        let rows = self.items().await;
        let envelopes = rows.iter().filter_map(|row| row.get("envelope")?.as_s().ok());
        let mut events: Vec<events::Envelope> =
            envelopes.map(|text| primitives::json::from_str(text).expect("an event")).collect();
        events.sort_by_key(|event| (event.time, event.id));
        events
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// 2026-11-23, noon: when most tests take place.
///
/// # Panics
/// Never.
#[expect(clippy::expect_used, reason = "the text is a time")]
pub fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

fn crowded() -> SharedHttpClient {
    Conflicts::of(25, 20_261_123).http_client()
}

fn client(url: &str, access_key: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(access_key, "test", None, None, "test"))
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}

#[expect(clippy::expect_used, reason = "a test cannot go on without its table")]
async fn create_tables(client: &Client) {
    let attribute = |name: &str| {
        let attribute =
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        attribute.build().expect("an attribute")
    };
    let key = |name: &str, key_type| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().expect("a key")
    };
    let index = |name: &str, pk: &str, sk: &str, projection: Projection| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(pk, KeyType::Hash))
            .key_schema(key(sk, KeyType::Range))
            .projection(projection)
            .build()
            .expect("an index")
    };
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let listed = Projection::builder().projection_type(ProjectionType::Include);
    let listed = listed.set_non_key_attributes(Some(LISTED.map(str::to_owned).to_vec())).build();
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .expect("a stream");
    client
        .create_table()
        .table_name(TABLE_NAME)
        .set_attribute_definitions(Some([PK, SK, DUE_PK, DUE_SK, LIST_PK, LIST_SK].map(attribute).to_vec()))
        .key_schema(key(PK, KeyType::Hash))
        .key_schema(key(SK, KeyType::Range))
        .global_secondary_indexes(index(DUE, DUE_PK, DUE_SK, keys_only))
        .global_secondary_indexes(index(LIST, LIST_PK, LIST_SK, listed))
        .stream_specification(stream)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("the table");
    client
        .create_table()
        .table_name(TRAFFIC_TABLE_NAME)
        .set_attribute_definitions(Some([PK, SK].map(attribute).to_vec()))
        .key_schema(key(PK, KeyType::Hash))
        .key_schema(key(SK, KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("the table without a stream");
}
