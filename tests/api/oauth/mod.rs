//! Signing in with accounts at identity providers, and connecting them.

mod accounts;
mod hostile;
pub(crate) mod liar;
mod races;
mod sign_in;

use reqwest::{Client, Method, StatusCode, Url, header::LOCATION, redirect::Policy};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

pub(crate) const ADA: &str = "ada@example.com";
const START: &str = "/v1/auth/oauth/local/authorizations";
const VERIFY: &str = "/v1/auth/oauth/local/verify";

/// Who somebody says they are at the local provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct There<'a> {
    pub(crate) email: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) verified: bool,
}

/// Somebody whose address the provider knows.
pub(crate) fn known(email: &str) -> There<'_> {
    There { email, subject: email, verified: true }
}

/// The values of an address's query, and what else is needed of it.
pub(crate) fn query(url: &str) -> Value {
    let url: Url = url.parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

impl Product {
    /// Somebody is sent to the local provider and comes back: what the app then sends.
    pub(crate) async fn there(&self, sent: &Answer, person: There<'_>) -> Value {
        self.there_in(sent, person, "").await
    }

    /// The same of somebody who is in these groups.
    pub(crate) async fn there_in(&self, sent: &Answer, person: There<'_>, groups: &str) -> Value {
        assert_eq!(sent.status, StatusCode::CREATED, "{sent:?}");
        let url = sent.text("/authorize_url");
        let browser = Client::builder().redirect(Policy::none()).build().unwrap();
        let page = browser.get(&url).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{}", page.text().await.unwrap());
        let mut form = query(&url);
        form["email"] = json!(person.email);
        form["subject"] = json!(person.subject);
        form["groups"] = json!(groups);
        if person.verified {
            form["verified"] = json!("yes");
        }
        let form: Vec<(String, String)> = form
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let to = url.split('?').next().unwrap();
        let back = browser.post(to).header("content-type", "application/x-www-form-urlencoded").body(body);
        let back = back.send().await.unwrap();
        assert_eq!(back.status(), StatusCode::SEE_OTHER, "{}", back.text().await.unwrap());
        let location = back.headers()[LOCATION].to_str().unwrap();
        assert!(location.starts_with(&format!("{}/_local/app/auth/", self.cloud.api_url())));
        let back = query(location);
        json!({
            "code": back["code"], "state": back["state"], "iss": back["iss"],
            "browser_token": sent.text("/browser_token"),
        })
    }

    /// Somebody who is to be sent to a provider.
    async fn away(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// Signs in with an account at the local provider.
    pub(crate) async fn with_account(&self, person: There<'_>) -> Answer {
        let sent = self.away(START).await;
        let back = self.there(&sent, person).await;
        self.post(VERIFY, &back).await
    }

    /// Connects an account at the local provider.
    pub(crate) async fn connect(&self, token: &str, person: There<'_>) -> Answer {
        let sent = self.post_nothing("/v1/me/connected-accounts/local/authorizations", token).await;
        let back = self.there(&sent, person).await;
        self.post_as("/v1/me/connected-accounts/local/verify", token, &back).await
    }

    async fn connected(&self, token: &str) -> Vec<Value> {
        let listed = self.get("/v1/me/connected-accounts", token).await;
        assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
        listed.body["items"].as_array().unwrap().clone()
    }
}
