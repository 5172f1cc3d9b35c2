use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::{HttpRequest, HttpResponse},
};
use dynoxide::{Database as Engine, DynoxideError, types::Item};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    replica::{Address, Places, Replica, address, written_since},
    tapped::tapped_over,
};

/// A number that decides which items are further behind than others, to try others than usual.
const SEED: &str = "GANTRY_TEST_SEED";

/// How many of the last late answers a failed test tells.
const TOLD: usize = 30;

/// The databases of this process whose eventual reads are late, by host and port. Clients are told nothing of
/// them: whatever HTTP client of this crate calls such a database gets late answers.
static KNOWN: Mutex<BTreeMap<String, Arc<State>>> = Mutex::new(BTreeMap::new());

/// Makes the eventual reads of an embedded database late, as `DynamoDB`'s are: the engine by itself always
/// answers them with all that was written.
///
/// Whoever reads the table or one of its indexes eventually, through an HTTP client of this crate, misses a
/// write of each item that the answer should show: once, or twice for about half of the writes, each item by
/// itself. So of one transaction some is seen and some is not. Each index is behind by itself as well: it may
/// miss what the table shows. Then the write is seen; a caller that asks again finds it. Strong reads,
/// conditions and clients that are not of this crate see what is there.
///
/// It ends when the value is dropped; a test that fails is told what was late, and the seed.
#[derive(Debug)]
pub struct Replicas {
    at: String,
    state: Arc<State>,
}

struct State {
    database: Engine,
    seed: u64,
    copies: Mutex<Copies>,
}

#[derive(Default)]
struct Copies {
    /// What was written up to here is missed by nobody.
    settled: Places,
    /// The table's and those of indexes, by the index's name.
    replicas: HashMap<String, Replica>,
    late: usize,
    told: VecDeque<String>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Replicas {
    /// Of the database that is served at this address.
    ///
    /// # Panics
    /// When the variable with the seed holds no number.
    #[expect(clippy::disallowed_methods, reason = "which seed is the command line's choice")]
    #[expect(clippy::expect_used, reason = "who asks for a seed gets that one")]
    pub fn of(database: Engine, url: &str) -> Self {
        let seed = std::env::var(SEED).map_or(20_261_126, |text| text.parse().expect("a number as seed"));
        let at = authority(url).unwrap_or_default();
        let state = Arc::new(State { database, seed, copies: Mutex::default() });
        lock(&KNOWN).insert(at.clone(), Arc::clone(&state));
        Self { at, state }
    }

    /// Lets everything that was written be seen, as after a while without writes.
    ///
    /// # Panics
    /// When the engine does not work.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its database")]
    pub fn settle(&self) {
        let State { database, copies, .. } = &*self.state;
        let mut copies = lock(copies);
        let Copies { settled, replicas, .. } = &mut *copies;
        written_since(database, settled).expect("the streams");
        for replica in replicas.values_mut() {
            replica.settle(database, settled).expect("a replica");
        }
    }

    /// How many reads were answered with less than was there.
    pub fn late(&self) -> usize {
        lock(&self.state.copies).late
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        lock(&KNOWN).remove(&self.at);
        if std::thread::panicking() {
            let copies = lock(&self.state.copies);
            eprintln!("{} eventual reads were late ({SEED}={}); the last:", copies.late, self.state.seed);
            for told in &copies.told {
                eprintln!("  {told}");
            }
        }
    }
}

/// The same HTTP client, whose eventual reads of such databases are late.
pub(crate) fn late_reads_over(inner: SharedHttpClient) -> SharedHttpClient {
    tapped_over(inner, |request, connector| {
        let late = late(&request);
        async move {
            match late {
                Some(answer) => Ok(answer),
                None => connector.call(request).await,
            }
        }
    })
}

/// The late answer to a read that is answered late.
fn late(request: &HttpRequest) -> Option<HttpResponse> {
    let operation = request.headers().get("x-amz-target")?.strip_prefix("DynamoDB_20120810.")?;
    if !["GetItem", "BatchGetItem", "Query"].contains(&operation) {
        return None;
    }
    let state = lock(&KNOWN).get(&authority(request.uri())?).cloned()?;
    let body: Value = serde_json::from_slice(request.body().bytes()?).ok()?;
    let parts = body["RequestItems"].as_object();
    let is_strong = |part: &Value| part["ConsistentRead"] == true;
    if is_strong(&body) || parts.is_some_and(|parts| parts.values().all(is_strong)) {
        return None;
    }
    let (status, answer) = match state.read(operation, &body) {
        Ok(answer) => (200_u16, answer?),
        Err(error) => (400, json!({ "__type": "ValidationException", "message": error.to_string() })),
    };
    Some(HttpResponse::new(status.try_into().ok()?, answer.to_string().into()))
}

impl State {
    /// The answer without what is missed; nothing where nothing is.
    fn read(&self, operation: &str, body: &Value) -> Result<Option<Value>, DynoxideError> {
        let index = body["IndexName"].as_str().unwrap_or_default();
        let mut copies = lock(&self.copies);
        let Copies { settled, replicas, late, told } = &mut *copies;
        if !replicas.contains_key(index) {
            let mut hasher = DefaultHasher::new();
            (self.seed, index).hash(&mut hasher);
            replicas.insert(index.to_owned(), Replica::of(&self.database, settled, hasher.finish())?);
        }
        let Some(replica) = replicas.get_mut(index) else { return Ok(None) };
        if let Some(table) = tables(body).find(|table| !replica.has(table)) {
            let told = format!("{table} has no stream to tell what is late, so read it strongly");
            return Err(DynoxideError::ValidationException(told));
        }
        replica.follow(&self.database, settled)?;
        if !replica.is_behind() {
            return Ok(None);
        }
        let (there, _) = read(&self.database, operation, body)?;
        let (seen, answer) = read(&replica.engine, operation, body)?;
        let missed = replica.missed(there.into_iter().chain(seen).collect())?;
        if missed.is_empty() {
            return Ok(None);
        }
        *late += 1;
        told.truncate(TOLD - 1);
        let what = missed.iter().take(5).map(|(_, pk, sk)| format!("{pk} {sk}")).collect::<Vec<_>>();
        let of = if index.is_empty() { "the table" } else { index };
        told.push_front(format!("{operation} of {of} missed {}: {} …", missed.len(), what.join(", ")));
        Ok(Some(answer))
    }
}

/// The tables that a read is about.
fn tables(body: &Value) -> impl Iterator<Item = &str> {
    let several = body["RequestItems"].as_object().into_iter().flat_map(|parts| parts.keys());
    body["TableName"].as_str().into_iter().chain(several.map(String::as_str))
}

/// Carries a read out: the items found, and the whole answer.
fn read(engine: &Engine, operation: &str, body: &Value) -> Result<(BTreeSet<Address>, Value), DynoxideError> {
    let table = body["TableName"].as_str().unwrap_or_default();
    let of = |items: &[Item]| items.iter().map(|item| address(table, item)).collect::<BTreeSet<_>>();
    Ok(match operation {
        "GetItem" => {
            let found = engine.get_item(typed(body)?)?;
            (of(found.item.as_slice()), whole(&found)?)
        }
        "Query" => {
            let found = engine.query(typed(body)?)?;
            (of(found.items.as_deref().unwrap_or_default()), whole(&found)?)
        }
        _ => {
            let found = engine.batch_get_item(typed(body)?)?;
            let items = found.responses.iter();
            let items = items.flat_map(|(table, items)| items.iter().map(|item| address(table, item)));
            (items.collect(), whole(&found)?)
        }
    })
}

fn typed<T: DeserializeOwned>(body: &Value) -> Result<T, DynoxideError> {
    serde_json::from_value(body.clone())
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn whole(answer: &impl Serialize) -> Result<Value, DynoxideError> {
    serde_json::to_value(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn authority(url: &str) -> Option<String> {
    Some(url.parse::<http::Uri>().ok()?.authority()?.as_str().to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
