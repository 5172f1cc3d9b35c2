//! Starting and stopping a local cloud.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::middleware::from_fn;
use dynoxide::Database;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api::{self, Local, Urls};
use crate::aws::{self, MailQuota};
use crate::clock::VirtualClock;
use crate::demo::{self, Seeded};
use crate::dns;
use crate::engine::{Advance, Engine, Functions, Invocation, InvokeError, Parts};
use crate::folder::{self, Folder, STATE_FILE, TABLE_FILE};
use crate::front::Front;
use crate::function::{Environment, Registry};
use crate::issuer;
use crate::page;
use crate::ports::{Listeners, Ports};
use crate::same_site;
use crate::state::{State, Store};
use crate::stripe;
use crate::table::{self, Tables};
use crate::tasks::Tasks;
use crate::template::{Place, Template, TemplateError};

/// Region of the local cloud.
const REGION: &str = "us-east-1";

/// What a local cloud is made of.
#[derive(Debug)]
pub struct Options {
    /// Text of `template.yaml`, its areas joined ([`crate::template::whole`]).
    pub template: String,
    /// The functions.
    pub registry: Registry,
    /// Where to listen.
    pub ports: Ports,
    /// Folder that keeps the state over restarts; `None` keeps it in memory.
    pub state: Option<PathBuf>,
    /// Whether to empty that folder first.
    pub reset: bool,
    /// Values of template parameters, over the local ones.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables of all functions, over the template's.
    pub environment: Environment,
    /// How many mails SES takes in a second, with as many at once; `None` takes all.
    pub mails_per_second: Option<u32>,
    /// Told of every step of the start and how long it took.
    pub progress: fn(&str, Duration),
}

impl Options {
    /// A cloud in memory on any free ports.
    pub fn ephemeral(template: impl Into<String>, registry: Registry) -> Self {
        Self {
            template: template.into(),
            registry,
            ports: Ports::ANY,
            state: None,
            reset: false,
            parameters: BTreeMap::new(),
            environment: Environment::new(),
            mails_per_second: None,
            progress: |_, _| {},
        }
    }
}

/// Why a local cloud did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port is taken.
    #[error(
        "port {port} for {what} cannot be used ({source}); stop what listens there, or choose others with --port"
    )]
    Port {
        /// What should have listened.
        what: &'static str,
        /// The port.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The template cannot be run.
    #[error("template.yaml: {0}")]
    Template(#[from] TemplateError),
    /// A schedule cannot be read.
    #[error("template.yaml: {0}")]
    Schedule(String),
    /// The template and the registry do not fit together.
    #[error(transparent)]
    Function(#[from] InvokeError),
    /// Another process keeps its state in the folder.
    #[error("the state in {folder} is used by {holder}; stop that one, or give another folder with --state")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who uses it.
        holder: String,
    },
    /// The folder of the state cannot be used.
    #[error("the state in {folder} cannot be used: {problem}")]
    State {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The table cannot be made.
    #[error("{0}")]
    Table(String),
    /// The operating system gave no randomness for a secret.
    #[error("no randomness for secrets: {0}")]
    Randomness(String),
}

/// A running local cloud. It stops when it is dropped; [`Cloud::stop`] waits for the end and saves the state.
pub struct Cloud {
    engine: Arc<Engine>,
    tasks: Tasks,
    urls: Urls,
    environment: Environment,
    state: Option<Folder>,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cloud").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Reports the steps of the start.
struct Progress {
    report: fn(&str, Duration),
    since: Instant,
}

impl Progress {
    fn step(&mut self, what: &str) {
        (self.report)(what, self.since.elapsed());
        self.since = Instant::now();
    }
}

impl Cloud {
    /// Starts a local cloud; when it returns, every endpoint answers.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let mut progress = Progress { report: options.progress, since: Instant::now() };
        let (listeners, urls) = Listeners::bind(options.ports).await?;
        let place = Place {
            region: REGION.to_owned(),
            aws_url: urls.aws.clone(),
            api_url: urls.api.clone(),
            parameters: local_parameters(&urls, options.parameters),
        };
        let mut template = Template::read(&options.template, &place)?;
        let common = common_environment(&urls, options.environment);
        for function in template.functions.values_mut() {
            function.environment.extend(common.clone());
            if function.environment.contains_key("STRIPE_SECRET_ARN") {
                function
                    .environment
                    .entry("STRIPE_API_URL".to_owned())
                    .or_insert_with(|| urls.stripe.clone());
            }
        }
        progress.step(&format!(
            "template: {} functions, {} routes, {} queues, {} rules",
            template.functions.len(),
            template.routes.len(),
            template.queues.len(),
            template.rules.len()
        ));
        let folder = options.state.map(|path| Folder::open(path, options.reset, &urls.api)).transpose()?;
        let store = open_store(folder.as_ref())?;
        let clock = VirtualClock::with_offset(store.read(|state| state.clock_offset_milliseconds));
        prepare_secrets(&store, &template, clock.now())?;
        let tables = open_tables(folder.as_ref(), &store, &template)?;
        let names: Vec<&str> = tables.names().collect();
        progress.step(&format!("table: {} at {}", names.join(", "), urls.dynamodb));
        let functions = Functions::new(&template, &options.registry, clock.clone(), REGION)?;
        let environment = all_variables(&template);
        let mail_quota = MailQuota::new(options.mails_per_second, clock.now());
        let name = "gantry-local".to_owned();
        let parts = Parts { name, place, template, clock, store, tables, functions, mail_quota };
        let engine = Arc::new(Engine::new(parts).map_err(|error| StartError::Schedule(error.to_string()))?);
        engine.finish_reset().map_err(|error| StartError::Table(error.to_string()))?;
        let tasks = Tasks::new(engine.stop.clone(), engine.halt.clone());
        engine.start(&tasks);
        serve(&engine, &tasks, listeners, &urls);
        progress.step("events: stream, bus, queues and schedules run");
        Ok(Self { engine, tasks, urls, environment, state: folder })
    }

    /// Address of the API, without a slash at the end.
    pub fn api_url(&self) -> &str {
        &self.urls.api
    }

    /// Address of the AWS services (`AWS_ENDPOINT_URL`).
    pub fn aws_url(&self) -> &str {
        &self.urls.aws
    }

    /// Address of DynamoDB (`AWS_ENDPOINT_URL_DYNAMODB`).
    pub fn dynamodb_url(&self) -> &str {
        &self.urls.dynamodb
    }

    /// The engine behind that address.
    pub fn database(&self) -> Database {
        self.engine.tables.database()
    }

    /// Address of the fake Stripe.
    pub fn stripe_url(&self) -> &str {
        &self.urls.stripe
    }

    /// Address of the DNS server, as `DnsServers` names it.
    pub fn dns_address(&self) -> &str {
        &self.urls.dns
    }

    /// The virtual clock.
    pub fn clock(&self) -> &VirtualClock {
        &self.engine.clock
    }

    /// What the template says, resolved.
    pub fn template(&self) -> &Template {
        &self.engine.template
    }

    /// All variables of all functions, for functions that run outside this process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Looks at what was captured and what waits.
    pub fn inspect<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.engine.store.read(look)
    }

    /// The last calls, the newest first; of one function or of all.
    pub fn invocations(&self, function: Option<&str>) -> Vec<Invocation> {
        self.engine.functions.invocations(function)
    }

    /// Waits until nothing is in flight (calls, stream, queues), at most 30 seconds; says whether nothing is.
    pub async fn drain(&self) -> bool {
        self.engine.drain().await
    }

    /// Moves the virtual clock forward, through everything that is due on the way.
    pub async fn advance(&self, by: SignedDuration) -> Advance {
        self.engine.advance(by).await
    }

    /// Moves the virtual clock forward as [`Self::advance`] does, but each schedule that is due on the way
    /// runs once, at the last of its times there: where nobody asks what the runs before it do.
    pub async fn jump(&self, by: SignedDuration) -> Advance {
        self.engine.jump(by).await
    }

    /// Calls a function directly with an event.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let permit = self.engine.functions.permit(function).await?;
        self.engine.invoke(function, event, crate::engine::Trigger::Direct, permit).await
    }

    /// Builds the demo company, through the API; where it is there already, nothing happens. `said` is told
    /// of each step.
    pub async fn seed(&self, said: fn(&str)) -> anyhow::Result<Seeded> {
        demo::build(&self.engine, &self.urls.api, said).await
    }

    /// Moves the visible messages of a dead-letter queue back to where they came from; `None` if there is no
    /// such queue.
    pub fn redrive(&self, queue: &str) -> Option<usize> {
        self.engine.template.queues.get(queue).map(|queue| self.engine.redrive(queue, None))
    }

    /// Writes the variables that `cargo lambda watch --env-file` reads into the folder of the state, and
    /// returns the file.
    pub fn write_environment(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(folder) = &self.state else { return Ok(None) };
        let file = folder.path.join(folder::ENVIRONMENT_FILE);
        let lines: Vec<String> =
            self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        std::fs::write(&file, lines.join("\n") + "\n")?;
        Ok(Some(file))
    }

    /// Stops everything and saves the state.
    pub async fn stop(self) -> std::io::Result<()> {
        self.tasks.shut_down(&self.engine.calls).await;
        self.engine.store.save()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.engine.stop.cancel();
        self.engine.halt.cancel();
    }
}

/// The template's parameters as they are locally. Names that a template does not have do no harm.
fn local_parameters(urls: &Urls, given: BTreeMap<String, String>) -> BTreeMap<String, String> {
    // There is no frontend here, so the links of mails lead to the page that stands in for it.
    let app_url = format!("{}/_local/app", urls.api);
    let entry = json!({ "issuer": issuer::address(&urls.api), "client_id": issuer::CLIENT_ID });
    let providers = json!({ issuer::PROVIDER: entry }).to_string();
    let local = [
        ("Environment", "local"),
        ("PublicApiUrl", &urls.api),
        ("AppUrl", &app_url),
        ("AllowedOrigins", &urls.api),
        ("OAuthProviders", &providers),
        ("DnsServers", &urls.dns),
        ("MailFrom", "hello@gantry.example"),
        ("MailIdentity", "gantry.example"),
        // nobody limits mails that are sent nowhere
        ("MailSendRate", "1000"),
        ("WebFirewall", "off"),
        // staff works on this machine
        ("AdminAddresses", "127.0.0.0/8"),
        ("AdminIpv6Addresses", "::1/128"),
        ("ManageApiGatewayAccount", "false"),
    ];
    let mut parameters: BTreeMap<String, String> =
        local.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    parameters.extend(given);
    parameters
}

/// Variables that every function gets: what the Lambda service and the SDK would know by themselves.
fn common_environment(urls: &Urls, given: Environment) -> Environment {
    let common = [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", aws::CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", aws::CREDENTIALS),
        ("AWS_ENDPOINT_URL", &urls.aws),
        ("AWS_ENDPOINT_URL_DYNAMODB", &urls.dynamodb),
    ];
    let mut environment: Environment =
        common.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    environment.extend(given);
    environment
}

fn all_variables(template: &Template) -> Environment {
    let variables = template.functions.values().flat_map(|function| &function.environment);
    variables.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn open_store(folder: Option<&Folder>) -> Result<Store, StartError> {
    let Some(folder) = folder else {
        return Store::open(None)
            .map_err(|error| StartError::State { folder: PathBuf::new(), problem: error.to_string() });
    };
    if folder.has(TABLE_FILE) && !folder.has(STATE_FILE) {
        tracing::warn!(
            "{TABLE_FILE} is here without {STATE_FILE}: secrets are new, so nobody is signed in any more, and no mail is kept"
        );
    }
    Store::open(Some(folder.path.join(STATE_FILE))).map_err(|error| folder.unusable(&error))
}

/// Generates secrets once. The Stripe secret has a form of its own: the fake Stripe signs with it.
fn prepare_secrets(store: &Store, template: &Template, now: jiff::Timestamp) -> Result<(), StartError> {
    let random = |length| aws::random_text(length).map_err(|error| StartError::Randomness(error.to_string()));
    let mut fixed = BTreeMap::new();
    for function in template.functions.values() {
        if let Some(arn) = function.environment.get("STRIPE_SECRET_ARN") {
            let value = json!({
                "api_key": format!("sk_test_{}", random(24)?),
                "webhook_secrets": [format!("whsec_{}", random(32)?)],
            });
            fixed.insert(arn.clone(), value);
        }
        if let Some(arn) = function.environment.get(issuer::SECRET) {
            fixed.insert(arn.clone(), json!({ issuer::PROVIDER: random(32)? }));
        }
    }
    store
        .change(|state| aws::prepare_secrets(state, template, &fixed, now))
        .map_err(|error| StartError::Randomness(error.to_string()))
}

fn open_tables(folder: Option<&Folder>, store: &Store, template: &Template) -> Result<Tables, StartError> {
    let specs: Vec<_> = template.tables.values().cloned().collect();
    // A table on disk keeps the shape it was made with; a changed template would go unnoticed.
    store.change(|state| {
        for spec in &specs {
            let known =
                state.table_definitions.entry(spec.name.clone()).or_insert_with(|| spec.create.clone());
            if *known != spec.create {
                let problem = "was made from another definition than the template's; start with --reset";
                return Err(StartError::Table(format!("table {} {problem}", spec.name)));
            }
        }
        Ok(())
    })?;
    let database = match folder {
        None => table::open_engine(&format!("file:{}?mode=memory&cache=shared", uuid::Uuid::new_v4())),
        Some(folder) => {
            // The secrets are there before what is made with them.
            store.save().map_err(|error| folder.unusable(&error))?;
            table::open_engine(&folder.path.join(TABLE_FILE).to_string_lossy())
        }
    };
    let wrong = |error: &dyn std::fmt::Display| {
        let file = folder.map_or_else(PathBuf::new, |folder| folder.path.join(TABLE_FILE));
        let problem = error.to_string();
        let damaged = ["not a database", "malformed", "encrypt"].iter().any(|words| problem.contains(words));
        StartError::Table(if damaged {
            format!("{} is damaged, or is no table of this program; start with --reset", file.display())
        } else {
            format!("the table in {} cannot be opened: {problem}", file.display())
        })
    };
    let database = database.map_err(|error| wrong(&error))?;
    Tables::open(database, specs).map_err(|error| wrong(&error))
}

fn serve(engine: &Arc<Engine>, tasks: &Tasks, listeners: Listeners, urls: &Urls) {
    let front = Front::new(Arc::clone(engine));
    let local = Local { engine: Arc::clone(engine), front: front.clone(), urls: urls.clone() };
    tasks.spawn(stripe::run_deliveries(Arc::clone(engine), front.clone()));
    tasks.serve_front(
        listeners.api,
        front.router(page::router(), api::router(local), issuer::of_cloud(engine, &urls.api)),
    );
    tasks.serve_functions(listeners.aws, aws::router(Arc::clone(engine)).layer(from_fn(same_site::services)));
    tasks.serve_functions(
        listeners.stripe,
        stripe::router(Arc::clone(engine), &urls.stripe).layer(from_fn(same_site::services)),
    );
    dns::serve(engine, tasks, listeners.dns, listeners.dns_over_tcp);
    let (database, halt) = (engine.tables.database(), engine.halt.clone());
    tasks.spawn_to_the_end(async move {
        let served =
            dynoxide::server::serve_with_shutdown(listeners.dynamodb, database, halt.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "DynamoDB stopped");
        }
    });
}
