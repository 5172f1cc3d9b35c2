//! People of the demo, and the mails that they get.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// How often somebody looks for a mail that has not come, and how long they wait in between: SES may be told
/// to take few of them, and then a mail comes again after some seconds.
const MAIL_TRIES: u32 = 100;
const MAIL_PAUSE: Duration = Duration::from_millis(200);

/// Somebody who is signed in.
pub(super) struct Session<'a> {
    product: &'a Client,
    token: String,
}

impl<'a> Session<'a> {
    /// Signs somebody in with the code of a mail; an account is made where there is none.
    pub(super) async fn begin(product: &'a Client, email: &str) -> anyhow::Result<Self> {
        let known = newest_mail(product, email).await?;
        let asked =
            product.must(Method::POST, "/v1/auth/magic-links", None, &json!({ "email": email })).await?;
        let code = mailed(product, email, known.as_deref(), code).await?;
        let proof = json!({ "email": email, "code": code, "browser_token": asked["browser_token"] });
        let signed_in = product.must(Method::POST, "/v1/auth/magic-links/verify", None, &proof).await?;
        Self::of(product, &signed_in).with_context(|| format!("{email} is asked for more than a code"))
    }

    /// Signs somebody in at the identity provider of their organization, which is the one of this machine.
    pub(super) async fn begin_by_sso(product: &'a Client, email: &str) -> anyhow::Result<Self> {
        let start = "/v1/auth/sso/authorizations";
        let sent = product.must(Method::POST, start, None, &json!({ "email": email })).await?;
        let (provider, asked) =
            text(&sent["authorize_url"])?.split_once('?').context("nobody is sent anywhere with nothing")?;
        let typed = form_urlencoded::Serializer::new(asked.to_owned())
            .extend_pairs([("email", email), ("groups", ""), ("verified", "yes")])
            .finish();
        let form = ("application/x-www-form-urlencoded", typed);
        let back = product.send(Method::POST, provider, None, Some(form)).await?;
        let (_, back) = back
            .header("location")
            .and_then(|location| location.split_once('?'))
            .with_context(|| format!("the identity provider sends nobody back: {}", back.body))?;
        let mut proof: Value = form_urlencoded::parse(back.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        proof["browser_token"] = sent["browser_token"].clone();
        let signed_in = product.must(Method::POST, "/v1/auth/sso/verify", None, &proof).await?;
        Self::of(product, &signed_in)
            .with_context(|| format!("{email} is asked for more than the provider's word"))
    }

    fn of(product: &'a Client, signed_in: &Value) -> anyhow::Result<Self> {
        Ok(Self { product, token: text(&signed_in["tokens"]["access_token"])?.to_owned() })
    }

    /// The same person in an organization.
    pub(super) async fn switched(&self, org_id: &str) -> anyhow::Result<Self> {
        let switched = self.post("/v1/auth/switch-org", &json!({ "org_id": org_id })).await?;
        Self::of(self.product, &switched)
    }

    /// Says what the person is called, where nothing says so.
    pub(super) async fn named(&self, name: &str) -> anyhow::Result<()> {
        if self.get("/v1/me").await?["name"].is_null() {
            self.must(Method::PATCH, "/v1/me", &json!({ "name": name })).await?;
        }
        Ok(())
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.must(Method::GET, path, &Value::Null).await
    }

    /// The items of a list, which has few of them here.
    pub(super) async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut page = self.get(path).await?;
        Ok(taken(&mut page, "items"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.must(Method::POST, path, body).await
    }

    pub(super) async fn must(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.product.must(method, path, Some(&self.token), body).await
    }

    /// The answer, whatever it is.
    pub(super) async fn try_post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.product.call(Method::POST, path, Some(&self.token), body).await
    }
}

/// The id of the newest mail to somebody.
pub(super) async fn newest_mail(product: &Client, email: &str) -> anyhow::Result<Option<String>> {
    Ok(mails(product, email).await?.first().and_then(|mail| mail["id"].as_str()).map(str::to_owned))
}

/// What a mail to somebody says that is newer than the one that is known, once it has come.
pub(super) async fn mailed(
    product: &Client,
    email: &str,
    known: Option<&str>,
    said: fn(&str) -> Option<String>,
) -> anyhow::Result<String> {
    for _ in 0..MAIL_TRIES {
        product.must(Method::POST, "/_local/api/drain", None, &Value::Null).await?;
        let mails = mails(product, email).await?;
        let fresh = mails.iter().take_while(|mail| mail["id"].as_str() != known);
        if let Some(found) = fresh.filter_map(|mail| mail["text"].as_str()).find_map(said) {
            return Ok(found);
        }
        tokio::time::sleep(MAIL_PAUSE).await;
    }
    bail!("the mail to {email} did not come; /_local/api/dead-letters may say why")
}

async fn mails(product: &Client, email: &str) -> anyhow::Result<Vec<Value>> {
    let to: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let path = format!("/_local/api/mails?to={to}");
    let mut page = product.must(Method::GET, &path, None, &Value::Null).await?;
    Ok(taken(&mut page, "items"))
}

/// The six digits that a mail has on a line of their own.
fn code(text: &str) -> Option<String> {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|letter| letter.is_ascii_digit());
    text.lines().map(str::trim).find(is_code).map(str::to_owned)
}

/// The token of a mail's link.
pub(super) fn link(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("#token=")?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// A list of an answer.
pub(super) fn taken(answer: &mut Value, name: &str) -> Vec<Value> {
    answer.get_mut(name).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("the product's answer lacks something that it should have")
}
