use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::SharedHttpClient;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use primitives::{Clock, Ids, Keys, json};
use serde::de::IgnoredAny;
use table::{Call, CursorKey, CursorKeys, Key, Table, TableNames};
use tokio::time::Instant;

use crate::{
    clients::{self, careful},
    environment::{ConfigurationError, Environment, Stage, wrong},
    secrets::{self, Rotating},
};

/// What a function is built from. Clients are made when they are asked for, so that a cold start
/// pays for what it uses. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    environment: Environment,
    stage: Stage,
    function_name: String,
    function_version: String,
    clock: Clock,
    ids: Ids,
    config: SdkConfig,
    table: OnceLock<Table>,
    connecting: OnceLock<Shared<BoxFuture<'static, ()>>>,
    last: Mutex<(Vec<Call>, serde_json::Value)>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("function", &self.0.function_name).finish_non_exhaustive()
    }
}

/// Begins what every invocation waits for.
#[expect(clippy::disallowed_methods, reason = "every invocation waits for it before its work")]
fn begun(work: impl Future<Output = ()> + Send + 'static) -> Shared<BoxFuture<'static, ()>> {
    tokio::spawn(work).map(|_| ()).boxed().shared()
}

impl Host {
    /// On the system's clock and network.
    pub fn start(environment: Environment) -> Result<Self, ConfigurationError> {
        let clock = Clock::system();
        Self::with(environment, clock.clone(), Ids::random(clock), None)
    }

    /// On this clock, with these ids, and with this HTTP client under all AWS clients where there
    /// is one.
    pub fn with(
        environment: Environment,
        clock: Clock,
        ids: Ids,
        http_client: Option<SharedHttpClient>,
    ) -> Result<Self, ConfigurationError> {
        let stage = environment.stage()?;
        if stage == Stage::Production && environment.optional("AWS_ENDPOINT_URL").is_some() {
            return Err(wrong("AWS_ENDPOINT_URL", "production talks to AWS itself; unset it"));
        }
        let function_name = environment.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("function").to_owned();
        let function_version =
            environment.optional("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or("$LATEST").to_owned();
        let config = clients::sdk_config(&environment, http_client)?;
        Ok(Self(Arc::new(Inner {
            environment,
            stage,
            function_name,
            function_version,
            clock,
            ids,
            config,
            table: OnceLock::new(),
            connecting: OnceLock::new(),
            last: Mutex::default(),
        })))
    }

    /// The environment, for what only this function has.
    pub fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Where the deployment stands.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// The function's name, as logs and metrics show it.
    pub fn function_name(&self) -> &str {
        &self.0.function_name
    }

    /// The version of the function that runs, as metrics show it.
    pub fn function_version(&self) -> &str {
        &self.0.function_version
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where ids come from.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The SDK's configuration, for clients of the function's own.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.0.config
    }

    /// The table. This connects to nothing yet.
    pub fn table(&self) -> Result<Table, ConfigurationError> {
        if let Some(table) = self.0.table.get() {
            return Ok(table.clone());
        }
        let client = clients::dynamodb(&self.0.config, &self.0.environment)?;
        let name = |variable| self.0.environment.required(variable).map(str::to_owned);
        let names = TableNames { main: name("TABLE_NAME")?, traffic: name("TRAFFIC_TABLE_NAME")? };
        let days = match self.0.environment.optional("AUDIT_RETENTION_DAYS") {
            Some(_) => self.0.environment.parsed("AUDIT_RETENTION_DAYS")?,
            None => 0,
        };
        let table = Table::new(client, names, self.0.clock.clone(), self.0.ids.clone());
        let table = table.keeping_audit_rows(days);
        Ok(self.0.table.get_or_init(|| table).clone())
    }

    /// The table, to which this begins to connect by reading the item `key`, so that the first
    /// event need not. It may be any that the function's role allows it to read, whether it is
    /// there or not.
    pub async fn table_opened_with(&self, key: Key) -> Result<Table, ConfigurationError> {
        let first = move |table: Table| async move {
            let _: Option<IgnoredAny> = table.connect(&key).await;
        };
        self.table_opened_by(first).await
    }

    /// The table, to which the work `first` connects. While names are looked up and keys are agreed
    /// on, the rest of the function is built and the runtime asks for the first event. The first
    /// call of these counts.
    pub async fn table_opened_by<F>(
        &self,
        first: impl FnOnce(Table) -> F,
    ) -> Result<Table, ConfigurationError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let table = self.table()?;
        self.0.connecting.get_or_init(|| begun(first(table.clone())));
        // the first step is to be taken now, and not when the function is built
        tokio::task::yield_now().await;
        Ok(table)
    }

    /// Waits for the connection to the table that was begun. Every invocation does; whoever counts
    /// calls does so before.
    pub async fn connected(&self) {
        if let Some(connecting) = self.0.connecting.get() {
            connecting.clone().await;
        }
    }

    /// Something made from the text of the secret that this variable names. Of its versions only
    /// the current one counts.
    pub fn secret_text<T>(
        &self,
        variable: &str,
        make: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Rotating<T>, ConfigurationError> {
        self.rotating(variable, false, move |current, _| make(current))
    }

    /// Something made from each of the keys in the secret that this variable names, which are of
    /// the form `{"key": "…"}`: the current one and the one before the last rotation.
    pub fn secret_keys<T>(
        &self,
        variable: &str,
        make: impl Fn(&str) -> T + Send + Sync + 'static,
    ) -> Result<Rotating<Keys<T>>, ConfigurationError> {
        self.rotating(variable, true, move |current, previous| secrets::keys(current, previous, &make))
    }

    fn rotating<T>(
        &self,
        variable: &str,
        overlaps: bool,
        make: impl Fn(&str, Option<&str>) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Rotating<T>, ConfigurationError> {
        let arn = self.0.environment.required(variable)?;
        Ok(Rotating::new(self.secrets(), self.0.clock.clone(), arn, overlaps, make))
    }

    /// The keys of cursors, read when the first cursor comes in or goes out.
    pub fn cursor_keys(&self) -> Result<Arc<dyn CursorKeys>, ConfigurationError> {
        Ok(Arc::new(self.secret_keys("CURSOR_SECRET_ARN", CursorKey::from_secret)?))
    }

    /// A client of Secrets Manager itself, for whoever does more than to read a secret.
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.0.config)
    }

    /// The URL that the world knows the API by: also the issuer of access tokens.
    pub fn public_api_url(&self) -> Result<String, ConfigurationError> {
        self.0.environment.url("PUBLIC_API_URL")
    }

    /// Numbers that a deployment may change, as JSON in this variable; the defaults where it is not
    /// set.
    pub fn settings<T: Default + serde::de::DeserializeOwned>(
        &self,
        variable: &str,
    ) -> Result<T, ConfigurationError> {
        let text = self.0.environment.optional(variable);
        text.map_or_else(
            || Ok(T::default()),
            |text| json::from_str(text).map_err(|error| wrong(variable, error.to_string())),
        )
    }

    /// A client of the queues. A message that a queue may have taken is not sent again.
    pub fn queues(&self) -> aws_sdk_sqs::Client {
        careful!(aws_sdk_sqs, &self.0.config)
    }

    /// A client of push for registering devices: calls that may be repeated, and whose callers wait
    /// for them.
    pub fn push_endpoints(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.0.config)
    }

    /// A client of push for sending: what may have been taken is not sent again.
    pub fn push_sends(&self) -> aws_sdk_sns::Client {
        careful!(aws_sdk_sns, &self.0.config)
    }

    /// A client of mail: what may have been taken is not sent again.
    pub fn mail(&self) -> aws_sdk_sesv2::Client {
        careful!(aws_sdk_sesv2, &self.0.config)
    }

    /// A client of files, as patient as a large one needs. A file that is put twice is there once.
    pub fn objects(&self) -> aws_sdk_s3::Client {
        let builder = aws_sdk_s3::config::Builder::from(&clients::patient(&self.0.config));
        // elsewhere than at AWS no name leads to a bucket of its own
        let is_elsewhere = self.0.environment.optional("AWS_ENDPOINT_URL").is_some();
        aws_sdk_s3::Client::from_conf(builder.force_path_style(is_elsewhere).build())
    }

    /// What the invocation before asked of the table: for budgets in tests.
    pub fn calls_of_last_invocation(&self) -> Vec<Call> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The metrics of the invocation before, as they stand in the log: for alarms in tests.
    pub fn metrics_of_last_invocation(&self) -> serde_json::Value {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    pub(crate) fn take_calls(&self) -> Vec<Call> {
        self.0.table.get().map(|table| table.usage().take()).unwrap_or_default()
    }

    pub(crate) fn remember(&self, calls: Vec<Call>, metrics: serde_json::Value) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = (calls, metrics);
    }

    /// The runtime's deadline (epoch milliseconds) on the clock that waits are measured by. One
    /// that has passed already was set by nobody: `cargo lambda watch` gives a constant, and a call
    /// by hand gives 0.
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's deadline is in wall-clock time, whatever our clock says"
    )]
    pub(crate) fn deadline(epoch_milliseconds: u64) -> Instant {
        const WITHOUT: Duration = Duration::from_secs(30);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(epoch_milliseconds).checked_sub(now).unwrap_or(WITHOUT);
        Instant::now() + left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "deadlines are in wall-clock time")]
    fn a_deadline_that_nobody_set_leaves_time_to_work() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let left = |at: u64| Host::deadline(at).duration_since(Instant::now()).as_secs_f64();
        let soon = u64::try_from(now.as_millis()).unwrap() + 5_000;
        assert!((4.0..=5.0).contains(&left(soon)));
        for unset in [0, 600_000] {
            assert!((29.0..=30.0).contains(&left(unset)));
        }
    }
}
