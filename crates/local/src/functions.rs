//! The functions of this product, for the local cloud.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use lambda_host::{Environment, Error, Function, Host, SharedHttpClient};
use primitives::{Clock, Ids};

use crate::{Registry, Setting};

type Build = for<'a> fn(&'a Host) -> BoxFuture<'a, Result<Function, Error>>;

/// Every function of `functions/`, by the name of its package.
const FUNCTIONS: &[(&str, Build)] = &[
    ("api-auth", |host| Box::pin(api_auth::function(host))),
    ("api-orgs", |host| Box::pin(api_orgs::function(host))),
];

/// What tests look at functions with, and how they get between them and their services.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// Goes under all AWS clients.
    pub http_client: Option<SharedHttpClient>,
    hosts: Arc<Mutex<BTreeMap<&'static str, Host>>>,
}

impl Wiring {
    /// What this function was last built from; `None` if it was never called.
    pub fn host(&self, function: &str) -> Option<Host> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned()
    }
}

/// All functions, on the local cloud's clock.
pub fn registry(wiring: &Wiring) -> Registry {
    FUNCTIONS.iter().fold(Registry::new(), |registry, (name, build)| {
        let wiring = wiring.clone();
        registry.with(name, move |setting| start(setting, name, *build, wiring.clone()))
    })
}

async fn start(
    setting: Setting,
    name: &'static str,
    build: Build,
    wiring: Wiring,
) -> Result<crate::Function, Error> {
    let clock = Clock::shifted(setting.clock_offset_milliseconds);
    let ids = Ids::random(clock.clone());
    let environment = Environment::new(setting.environment);
    let host = Host::with(environment, clock, ids, wiring.http_client.clone()).await?;
    let function = build(&host).await?;
    wiring.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(name, host);
    Ok(Arc::new(move |event| {
        let function = function.clone();
        Box::pin(async move { function.invoke(event).await })
    }))
}
