//! Signing in by the identity provider of an organization, and the connections to one.

mod connections;
mod hostile;
mod races;
mod required;
mod sign_in;
mod trying;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    oauth::{There, known},
    product::Product,
};

pub(crate) const CONNECTIONS: &str = "/v1/orgs/current/sso/connections";
pub(crate) const START: &str = "/v1/auth/sso/authorizations";
pub(crate) const VERIFY: &str = "/v1/auth/sso/verify";

/// An organization with a domain and a connection to the local provider.
pub(crate) struct Acme {
    /// The owner's token.
    pub(crate) ada: String,
    pub(crate) org_id: String,
    pub(crate) domain: Answer,
    pub(crate) connection: Answer,
}

impl Acme {
    pub(crate) fn at(&self) -> String {
        format!("{CONNECTIONS}/{}", self.connection.text("/id"))
    }
}

impl Product {
    /// What a connection to the local provider is like.
    pub(crate) fn local_connection(&self, domains: &[&Answer]) -> Value {
        json!({
            "name": "Local", "issuer": format!("{}/_local/oidc", self.cloud.api_url()), "client_id": "gantry-sso",
            "client_secret": "local-sso-secret-of-nobody", "default_role": "member",
            "domain_ids": domains.iter().map(|domain| domain.text("/id")).collect::<Vec<_>>(),
        })
    }

    /// The same with other members.
    pub(crate) async fn connect_sso(&self, by: &str, domains: &[&Answer], other: &Value) -> Answer {
        let mut body = self.local_connection(domains);
        body.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self.post_as(CONNECTIONS, by, &body).await
    }

    /// An organization with a domain and a connection, both of which serve `<slug>.example`.
    pub(crate) async fn with_sso(&self, slug: &str, other: &Value) -> Acme {
        let (ada, org_id) = self.owner(&format!("owner@{slug}.test"), slug).await;
        let domain = self.verified(&ada, &format!("{slug}.example")).await;
        let connection = self.connect_sso(&ada, &[&domain], other).await;
        assert_eq!(connection.status, StatusCode::CREATED, "{connection:?}");
        self.settle().await;
        Acme { ada, org_id, domain, connection }
    }

    /// Somebody who is to be sent to the provider of the organization whose the address is.
    pub(crate) async fn sso_away(&self, email: &str) -> Answer {
        self.post(START, &json!({ "email": email })).await
    }

    /// Signs in by the provider of an organization, as somebody who is in these groups.
    pub(crate) async fn by_sso_in(&self, person: There<'_>, groups: &str) -> Answer {
        let sent = self.sso_away(person.email).await;
        let back = self.there_in(&sent, person, groups).await;
        self.post(VERIFY, &back).await
    }

    pub(crate) async fn by_sso(&self, email: &str) -> Answer {
        self.by_sso_in(known(email), "").await
    }

    pub(crate) async fn change_sso(&self, acme: &Acme, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, &acme.at()).bearer_auth(&acme.ada).json(body)).await
    }

    pub(crate) async fn policies(&self, by: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(by).json(body)).await
    }

    /// Shows once more who one is, by a code of a mail: the session's token from then on.
    pub(crate) async fn step_up_by_mail(&self, token: &str, email: &str) -> String {
        let started = self.post_as("/v1/auth/step-up", token, &json!({ "method": "mail" })).await;
        assert!(started.status.is_success(), "{started:?}");
        self.settle().await;
        let body = json!({ "method": "mail", "code": self.mailed_code(email).await });
        let stepped = self.post_as("/v1/auth/step-up/verify", token, &body).await;
        assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
        stepped.text("/access_token")
    }
}
