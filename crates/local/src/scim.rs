//! A small SCIM client, as an identity provider has one: it keeps a directory of the running product with a
//! token of it, and remembers what it sent and what was answered.

use anyhow::{Context as _, bail};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Client;

/// Where the product's directory is.
pub(crate) const BASE: &str = "/scim/v2";
const CONTENT_TYPE: &str = "application/scim+json";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an identity provider does when its administrator changes somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Reads users and groups.
    List,
    /// Makes the user, or brings the one that is there up to date.
    Provision,
    /// Says the title.
    Title,
    /// Puts the user into the group, which it makes where there is none.
    Join,
    /// Takes the user out of the group.
    Leave,
    /// Says that the user is active no more.
    Deactivate,
    /// Says that the user is active again.
    Activate,
    /// Deletes the user.
    Delete,
}

impl Action {
    /// As routes of the local API name it.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "list" => Self::List,
            "provision" => Self::Provision,
            "title" => Self::Title,
            "join" => Self::Join,
            "leave" => Self::Leave,
            "deactivate" => Self::Deactivate,
            "activate" => Self::Activate,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

/// Whom it is about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    /// The token to show; the demo's where there is none.
    pub(crate) token: Option<String>,
    /// The address, which is the user's name in the directory.
    pub(crate) user_name: String,
    /// What the person is called.
    pub(crate) name: String,
    /// What the person does.
    pub(crate) title: String,
    /// The group's name.
    pub(crate) group: String,
}

/// A request and its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
    pub(crate) answer: Value,
    pub(crate) correlation_id: Option<String>,
}

/// A directory of the product, as one token opens it.
pub(crate) struct Directory<'a> {
    product: &'a Client,
    token: String,
    exchanges: Vec<Exchange>,
}

impl<'a> Directory<'a> {
    pub(crate) fn new(product: &'a Client, token: String) -> Self {
        Self { product, token, exchanges: Vec::new() }
    }

    /// What was sent and answered, in its order.
    pub(crate) fn into_exchanges(self) -> Vec<Exchange> {
        self.exchanges
    }

    /// Does it; the first refusal ends it.
    pub(crate) async fn act(&mut self, action: Action, request: &Request) -> anyhow::Result<()> {
        let Request { user_name, name, title, group, .. } = request;
        if matches!(action, Action::List) {
            self.send(Method::GET, "/Users?count=100", Value::Null).await?;
            self.send(Method::GET, "/Groups?count=20", Value::Null).await?;
            return Ok(());
        }
        // whoever keeps a directory looks first what is there
        let known = self.find("Users", "userName", user_name).await?;
        let id = match (action, known) {
            (Action::Provision, None) => return self.create(user_name, name, title).await,
            (_, None) => bail!("the directory has nobody called {user_name}; provision that person first"),
            (_, Some(user)) => text(&user["id"])?.to_owned(),
        };
        let user = format!("/Users/{id}");
        match action {
            Action::List => {}
            Action::Provision => {
                let operations = json!([
                    replaced("active", &json!(true)),
                    replaced("displayName", &json!(name)),
                    replaced("title", &json!(title)),
                ]);
                self.patch(&user, operations).await?;
            }
            Action::Title => self.patch(&user, json!([replaced("title", &json!(title))])).await?,
            Action::Join => {
                let member = json!([{ "value": id, "display": user_name }]);
                match self.find("Groups", "displayName", group).await? {
                    None => drop(self.create_group(group, &member).await?),
                    Some(known) => {
                        let operation = json!([{ "op": "add", "path": "members", "value": member }]);
                        self.patch(&format!("/Groups/{}", text(&known["id"])?), operation).await?;
                    }
                }
                // groups are read with the user, and not written with it
                self.send(Method::GET, &user, Value::Null).await?;
            }
            Action::Leave => {
                let Some(known) = self.find("Groups", "displayName", group).await? else {
                    bail!("the directory has no group {group}");
                };
                let path = format!("members[value eq \"{id}\"]");
                let operation = json!([{ "op": "remove", "path": path }]);
                self.patch(&format!("/Groups/{}", text(&known["id"])?), operation).await?;
                self.send(Method::GET, &user, Value::Null).await?;
            }
            Action::Deactivate => self.patch(&user, json!([replaced("active", &json!(false))])).await?,
            Action::Activate => self.patch(&user, json!([replaced("active", &json!(true))])).await?,
            Action::Delete => drop(self.send(Method::DELETE, &user, Value::Null).await?),
        }
        Ok(())
    }

    /// The group of this name, which is made where there is none: its id.
    pub(crate) async fn group(&mut self, name: &str) -> anyhow::Result<String> {
        let known = match self.find("Groups", "displayName", name).await? {
            Some(known) => known,
            None => self.create_group(name, &json!([])).await?,
        };
        Ok(text(&known["id"])?.to_owned())
    }

    async fn create(&mut self, user_name: &str, name: &str, title: &str) -> anyhow::Result<()> {
        let (given, family) = name.rsplit_once(' ').unwrap_or((name, ""));
        let user = json!({
            "schemas": [USER], "userName": user_name, "displayName": name, "title": title, "active": true,
            "name": { "formatted": name, "givenName": given, "familyName": family },
            "emails": [{ "value": user_name, "type": "work", "primary": true }],
        });
        self.send(Method::POST, "/Users", user).await?;
        Ok(())
    }

    async fn create_group(&mut self, name: &str, members: &Value) -> anyhow::Result<Value> {
        let group = json!({ "schemas": [GROUP], "displayName": name, "members": members });
        self.send(Method::POST, "/Groups", group).await
    }

    async fn patch(&mut self, path: &str, operations: Value) -> anyhow::Result<()> {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.send(Method::PATCH, path, body).await?;
        Ok(())
    }

    /// The one whose attribute is just this.
    async fn find(&mut self, kind: &str, attribute: &str, value: &str) -> anyhow::Result<Option<Value>> {
        let filter = format!("{attribute} eq {}", json!(value));
        let filter = utf8_percent_encode(&filter, NON_ALPHANUMERIC);
        let mut found = self.send(Method::GET, &format!("/{kind}?filter={filter}"), Value::Null).await?;
        Ok(found.pointer_mut("/Resources/0").map(Value::take))
    }

    /// Sends a request, and remembers it. Null is no body.
    async fn send(&mut self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let path = format!("{BASE}{path}");
        let content = (!body.is_null()).then(|| (CONTENT_TYPE, body.to_string()));
        let answer = self
            .product
            .send(method.clone(), &path, Some(&self.token), content)
            .await
            .with_context(|| format!("{method} {path} was not answered"))?;
        let refusal = answer.refusal();
        self.exchanges.push(Exchange {
            method: method.to_string(),
            body,
            status: answer.status.as_u16(),
            correlation_id: answer.header("x-correlation-id").map(str::to_owned),
            answer: answer.body.clone(),
            path,
        });
        match refusal {
            None => Ok(answer.body),
            Some(refusal) => bail!("the directory refused: {refusal}"),
        }
    }
}

fn replaced(path: &str, value: &Value) -> Value {
    json!({ "op": "replace", "path": path, "value": value })
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("the directory answered without an id")
}
