//! A provider that says what a test wants it to say.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use tokio::net::TcpListener;

use super::query;
use crate::product::Product;

/// How it behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lies {
    /// What it gives for any code.
    pub(crate) tokens: Value,
    /// The endpoint that never answers.
    pub(crate) silent: &'static str,
    /// The endpoint that answers without an end.
    pub(crate) huge: &'static str,
    /// The endpoint that fails.
    pub(crate) broken: &'static str,
    /// What stands in its description in the place of the truth.
    pub(crate) metadata: Value,
}

#[derive(Clone)]
pub(crate) struct Liar {
    pub(crate) url: String,
    key: Arc<Ed25519KeyPair>,
    lies: Arc<Mutex<Lies>>,
}

impl Liar {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let key = Arc::new(Ed25519KeyPair::generate().unwrap());
        let liar = Self { url, key, lies: Arc::default() };
        let routes = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async |State(liar): State<Self>| liar.metadata().await),
            )
            .route("/jwks", get(async |State(liar): State<Self>| liar.says("jwks", liar.keys()).await))
            .route(
                "/token",
                post(async |State(liar): State<Self>| liar.says("token", liar.lies().tokens).await),
            )
            .with_state(liar.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        liar
    }

    /// A product that knows it as `liar`.
    pub(crate) async fn product(&self) -> Product {
        let providers = json!({ "liar": { "issuer": self.url, "client_id": "us" } }).to_string();
        Product::with(
            |_| None,
            |mut options| {
                options.parameters.insert("OAuthProviders".to_owned(), providers);
                options
            },
        )
        .await
    }

    fn lies(&self) -> Lies {
        self.lies.lock().unwrap().clone()
    }

    pub(crate) fn lie(&self, lies: Lies) {
        *self.lies.lock().unwrap() = lies;
    }

    async fn metadata(&self) -> Response {
        let url = &self.url;
        let mut metadata = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/jwks"),
        });
        if let Value::Object(lies) = self.lies().metadata {
            metadata.as_object_mut().unwrap().extend(lies);
        }
        self.says("metadata", metadata).await
    }

    fn keys(&self) -> Value {
        let key = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": key }] })
    }

    async fn says(&self, endpoint: &str, truth: Value) -> Response {
        let lies = self.lies();
        if lies.silent == endpoint {
            std::future::pending::<()>().await;
        }
        if lies.huge == endpoint {
            return "x".repeat(10 * 1024 * 1024).into_response();
        }
        if lies.broken == endpoint {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Json(truth).into_response()
    }

    /// The claims of a good token, for the attempt that somebody was sent with.
    pub(crate) fn claims(&self, product: &Product, sent: &Answer) -> Value {
        let now = product.cloud.clock().now().as_second();
        json!({
            "iss": self.url, "sub": "ada", "aud": "us", "iat": now, "exp": now + 300,
            "nonce": query(&sent.text("/authorize_url"))["nonce"], "email": super::ADA, "email_verified": true,
        })
    }

    /// A token with this header and these claims, signed with its key.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes())))
    }

    /// Its public key, which is no secret.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.key.public_key().as_ref().to_vec()
    }
}

/// What a provider gives for a code.
pub(crate) fn tokens(id_token: &str) -> Value {
    json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token })
}
