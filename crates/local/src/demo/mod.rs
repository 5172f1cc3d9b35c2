//! The demo company of `cargo dev --seed`: two organizations with everything that an organization can have,
//! so that a page of a frontend has something to show, and a client of the API something to ask.
//!
//! It is built through the front door alone, as people and programs would: they sign in with what was mailed
//! to them, and accept what they were invited to. So it breaks where the product breaks.

mod company;
mod session;
mod summary;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::engine::Engine;
use company::Company;

/// What there is of the demo company.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Demo {
    pub organizations: Vec<DemoOrganization>,
    pub people: Vec<DemoPerson>,
    /// Who was invited by mail and has not come yet.
    pub invited: Vec<DemoInvite>,
    /// The link by which several people may come.
    pub invite_link: String,
    /// API keys. The product shows their secrets once, and nobody keeps them here either.
    pub keys: Vec<DemoKey>,
    /// The addresses for which the organization's own identity provider speaks.
    pub domain: String,
    /// The group of the directory whose members are admins.
    pub admin_group: String,
    /// The token of the directory, which an identity provider would keep.
    pub scim_token: String,
}

/// An organization of the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoOrganization {
    pub id: String,
    pub name: String,
    pub slug: String,
    /// What can be tried with it.
    pub about: String,
}

/// Somebody in the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoPerson {
    pub name: String,
    pub email: String,
    /// Roles by the organization's slug.
    pub roles: BTreeMap<String, String>,
    /// Whether the organization's identity provider brought this person, who may come by mail as well.
    pub came_by_sso: bool,
}

/// Somebody who is invited.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoInvite {
    pub email: String,
    pub role: String,
}

/// An API key of the demo, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoKey {
    pub name: String,
    pub scopes: Vec<String>,
}

/// What asking for the demo led to; shown, it is the summary for whoever asked.
#[derive(Clone, Debug)]
pub struct Seeded {
    pub demo: Demo,
    /// The secrets of its API keys by their names, where it was built just now.
    pub secrets: BTreeMap<String, String>,
    /// Whether it was built just now.
    pub is_new: bool,
    pub(crate) api_url: String,
}

/// Builds the demo in a product that has none yet, and tells of each step. Where there is one, nothing
/// happens.
pub(crate) async fn build(engine: &Engine, api_url: &str, said: fn(&str)) -> anyhow::Result<Seeded> {
    // Two who press the button at once get one demo.
    let _gate = engine.demo_gate.lock().await;
    let known = engine.store.read(|state| state.demo.clone());
    let is_new = known.is_none();
    let (demo, secrets) = if let Some(demo) = known {
        (demo, BTreeMap::new())
    } else {
        let built = Company { product: &Client::new(api_url), api_url, said }.build().await?;
        engine.store.change(|state| state.demo = Some(built.0.clone()));
        // Who was told that it is there finds it at the next start, however this process ends.
        engine.store.settle().await;
        built
    };
    Ok(Seeded { demo, secrets, is_new, api_url: api_url.to_owned() })
}
