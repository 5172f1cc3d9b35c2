//! The functions of this product, for the local cloud.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use lambda_host::{Error, Function, Host, SharedHttpClient};
use primitives::{Clock, Ids};

use crate::{Environment, Registry, Setting};

type Build = for<'a> fn(&'a Host) -> BoxFuture<'a, Result<Function, Error>>;

/// Every function of `functions/`, by the name of its package.
const FUNCTIONS: &[(&str, Build)] = &[
    ("api-account", |host| Box::pin(api_account::function(host))),
    ("api-admin", |host| Box::pin(api_admin::function(host))),
    ("api-audit", |host| Box::pin(api_audit::function(host))),
    ("api-auth", |host| Box::pin(api_auth::function(host))),
    ("api-billing", |host| Box::pin(api_billing::function(host))),
    ("api-devices", |host| Box::pin(api_devices::function(host))),
    ("api-exports", |host| Box::pin(api_exports::function(host))),
    ("api-keys", |host| Box::pin(api_keys::function(host))),
    ("api-members", |host| Box::pin(api_members::function(host))),
    ("api-orgs", |host| Box::pin(api_orgs::function(host))),
    ("api-passwords", |host| Box::pin(api_passwords::function(host))),
    ("api-scim", |host| Box::pin(api_scim::function(host))),
    ("api-sso", |host| Box::pin(api_sso::function(host))),
    ("api-usage", |host| Box::pin(api_usage::function(host))),
    ("cron-account-erasure", |host| Box::pin(cron_account_erasure::function(host))),
    ("cron-audit-anchors", |host| Box::pin(cron_audit_anchors::function(host))),
    ("cron-domains", |host| Box::pin(cron_domains::function(host))),
    ("cron-reconcile", |host| Box::pin(cron_reconcile::function(host))),
    ("cron-trial-expiry", |host| Box::pin(cron_trial_expiry::function(host))),
    ("cron-usage-rollup", |host| Box::pin(cron_usage_rollup::function(host))),
    ("hook-stripe", |host| Box::pin(hook_stripe::function(host))),
    ("operator", |host| Box::pin(operator::function(host))),
    ("queue-audit", |host| Box::pin(queue_audit::function(host))),
    ("queue-export", |host| Box::pin(queue_export::function(host))),
    ("queue-mail", |host| Box::pin(queue_mail::function(host))),
    ("queue-mail-feedback", |host| Box::pin(queue_mail_feedback::function(host))),
    ("queue-member-copies", |host| Box::pin(queue_member_copies::function(host))),
    ("queue-push-delivery", |host| Box::pin(queue_push_delivery::function(host))),
    ("queue-push-fanout", |host| Box::pin(queue_push_fanout::function(host))),
    ("queue-seats", |host| Box::pin(queue_seats::function(host))),
    ("rotate-secret", |host| Box::pin(rotate_secret::function(host))),
    ("stream-outbox", |host| Box::pin(stream_outbox::function(host))),
];

/// What the functions of a running cloud were built from, for whoever wants to look inside them.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Arc<Mutex<BTreeMap<String, Host>>>);

impl Hosts {
    /// What this function was built from; `None` if it was never called.
    pub fn get(&self, function: &str) -> Option<Host> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned()
    }
}

/// All functions, on the local cloud's clock.
pub fn registry(hosts: &Hosts) -> Registry {
    registry_over(hosts, |_| None)
}

/// All functions, on the local cloud's clock, each over the HTTP client that `http_client` has for its
/// name.
pub fn registry_over(
    hosts: &Hosts,
    http_client: impl Fn(&str) -> Option<SharedHttpClient> + Send + Sync + 'static,
) -> Registry {
    let http_client = Arc::new(http_client);
    FUNCTIONS.iter().fold(Registry::new(), |registry, (name, _)| {
        let (hosts, http_client) = (hosts.clone(), Arc::clone(&http_client));
        registry.with(name, move |setting| start(name, setting, hosts.clone(), http_client(name)))
    })
}

async fn start(
    name: &'static str,
    setting: Setting,
    hosts: Hosts,
    http_client: Option<SharedHttpClient>,
) -> Result<crate::Function, Error> {
    let clock = Clock::shifted(setting.clock_offset_milliseconds);
    let (host, function) = build(name, setting.environment, clock, http_client).await?;
    hosts.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), host);
    Ok(Arc::new(move |event| {
        let function = function.clone();
        Box::pin(async move { function.invoke(event).await })
    }))
}

/// Builds one function as a new sandbox would: with this environment, on this clock, over this HTTP client
/// where there is one.
pub async fn build(
    name: &str,
    environment: Environment,
    clock: Clock,
    http_client: Option<SharedHttpClient>,
) -> Result<(Host, Function), Error> {
    let (_, build) = FUNCTIONS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("there is no function {name} in crates/local/src/functions.rs"))?;
    let ids = Ids::random(clock.clone());
    let host = Host::with(lambda_host::Environment::new(environment), clock, ids, http_client)?;
    let function = build(&host).await?;
    host.connected().await;
    Ok((host, function))
}
