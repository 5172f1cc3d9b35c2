use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use form_urlencoded::Serializer;
use guarded_http::{Answer, GuardedHttp, Limits, Reach};
use http::{
    Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use primitives::{Clock, SignedDuration, Timestamp, json};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    configuration::{ClientSecrets, Kind, Provider, Providers},
    error::OidcError,
    github,
    id_token::{self, Expected, Header, Object},
    keys::{self, SigningKey},
    metadata::Metadata,
    person::ExternalPerson,
};

/// How long what a provider says of itself is used without another look.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long it is used when the provider does not answer.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// A token with an unknown key makes us look, but forgeries no more often than this.
const LOOK_AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// What goes with somebody who is sent to a provider.
#[derive(Clone, Copy, Debug)]
pub struct Authorization<'a> {
    /// Where the provider sends them back.
    pub redirect_uri: &'a str,
    /// Comes back with them.
    pub state: &'a str,
    /// Stands in the ID token.
    pub nonce: &'a str,
    /// Shown when the code is redeemed (RFC 7636).
    pub code_verifier: &'a str,
}

/// What somebody comes back with.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// What they were sent with.
    pub sent: Authorization<'a>,
    /// What the provider gave them.
    pub code: &'a str,
    /// Who the provider says it is (RFC 9207).
    pub iss: Option<&'a str>,
}

/// Talks to the providers. What they say of themselves is kept for an hour.
#[derive(Debug)]
pub struct OidcClient {
    http: GuardedHttp,
    clock: Clock,
    product: String,
    held: BTreeMap<String, Mutex<Held>>,
}

/// What is known of a provider.
#[derive(Debug, Default)]
struct Held {
    metadata: Option<(Arc<Metadata>, Timestamp)>,
    keys: Option<(Arc<Vec<SigningKey>>, Timestamp)>,
    looked_at: Option<Timestamp>,
}

impl OidcClient {
    /// A client of these providers. `product` is what we call ourselves to them.
    pub fn new(providers: &Providers, reach: Reach, clock: Clock, product: &str) -> Self {
        let held = providers.iter().map(|provider| (provider.key.clone(), Mutex::default())).collect();
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let product: String = product.chars().filter(is_plain).collect();
        Self { http: GuardedHttp::new(reach), clock, product: format!("{product}/1"), held }
    }

    /// The address at the provider to send somebody to.
    pub async fn authorize_url(
        &self,
        provider: &Provider,
        sent: Authorization<'_>,
    ) -> Result<String, OidcError> {
        let metadata = self.metadata(provider).await?;
        let endpoint = &metadata.authorization_endpoint;
        // nobody of ours calls it; the browser is not sent anywhere that we would not go
        self.http.check(&address(provider, endpoint)?)?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, sent.code_verifier.as_bytes()));
        let mut query = Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", sent.redirect_uri)
            .append_pair("state", sent.state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        match provider.kind {
            Kind::GitHub { .. } => query.append_pair("scope", "read:user user:email"),
            _ => query.append_pair("scope", "openid email").append_pair("nonce", sent.nonce),
        };
        if matches!(provider.kind, Kind::Google | Kind::Microsoft { .. }) {
            query.append_pair("prompt", "select_account");
        }
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{}", query.finish()))
    }

    /// Who came back with this code.
    pub async fn redeem(
        &self,
        provider: &Provider,
        secrets: &ClientSecrets,
        redemption: Redemption<'_>,
    ) -> Result<ExternalPerson, OidcError> {
        let metadata = self.metadata(provider).await?;
        // what another provider was asked for is not shown to this one
        if !metadata.is_from(provider, redemption.iss) {
            return Err(OidcError::Refused("another issuer answered"));
        }
        let tokens = self.tokens(provider, secrets, &metadata, redemption).await?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(OidcError::Refused("a token of another type"));
        }
        if let Kind::GitHub { api } = &provider.kind {
            let account = self.ask(provider, &format!("{api}/user"), &tokens.access_token).await?;
            let addresses = self.ask(provider, &format!("{api}/user/emails"), &tokens.access_token).await?;
            let person = github::person(&provider.issuer, &account, &addresses);
            return person.map_err(|problem| unusable(provider, problem));
        }
        let token = tokens.id_token.ok_or(OidcError::Refused("no ID token"))?;
        let expected =
            Expected { provider, metadata: &metadata, nonce: redemption.sent.nonce, now: self.clock.now() };
        let mut person = self.judge(&token, &expected).await?;
        if redemption.iss.is_some_and(|iss| iss != person.issuer) {
            return Err(OidcError::Refused("another issuer answered"));
        }
        if person.email.is_none()
            && let Some(endpoint) = &metadata.userinfo_endpoint
        {
            let said = self.ask(provider, endpoint, &tokens.access_token).await?;
            (person.email, person.email_verified) = of_userinfo(&said, &person.subject, &provider.kind)?;
        }
        Ok(person)
    }

    async fn judge(&self, token: &str, expected: &Expected<'_>) -> Result<ExternalPerson, OidcError> {
        let header = Header::read(token, &expected.metadata.algorithms());
        let header = header.ok_or(OidcError::Refused("an ID token of another kind"))?;
        let mut keys = self.keys(expected, false).await?;
        if header.key(&keys).is_none() {
            keys = self.keys(expected, true).await?;
        }
        let key = header.key(&keys).ok_or(OidcError::Refused("an unknown key"))?;
        let claims = id_token::signed(token, &header, key);
        let claims = claims.ok_or(OidcError::Refused("a wrong signature"))?;
        id_token::judge(&claims, key, expected).map_err(OidcError::Refused)
    }

    async fn tokens(
        &self,
        provider: &Provider,
        secrets: &ClientSecrets,
        metadata: &Metadata,
        redemption: Redemption<'_>,
    ) -> Result<Tokens, OidcError> {
        let request = self.token_request(provider, secrets, metadata, redemption)?;
        let answer = self.http.send(request, Limits::default()).await?;
        read_tokens(provider, &answer)
    }

    /// RFC 6749, section 4.1.3, with the verifier of RFC 7636.
    fn token_request(
        &self,
        provider: &Provider,
        secrets: &ClientSecrets,
        metadata: &Metadata,
        Redemption { sent, code, .. }: Redemption<'_>,
    ) -> Result<Request<Vec<u8>>, OidcError> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", sent.redirect_uri)
            .append_pair("code_verifier", sent.code_verifier);
        let mut request = Request::post(address(provider, &metadata.token_endpoint)?)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, &self.product)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match secrets.of(provider) {
            Some(secret) if !metadata.wants_secret_in_body() => {
                request = request.header(AUTHORIZATION, basic(&provider.client_id, secret));
            }
            secret => {
                form.append_pair("client_id", &provider.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret);
                }
            }
        }
        let request = request.body(form.finish().into_bytes());
        request.map_err(|error| unusable(provider, error.to_string()))
    }

    /// What the provider says to whoever has this token.
    async fn ask(&self, provider: &Provider, endpoint: &str, token: &str) -> Result<Vec<u8>, OidcError> {
        let request = Request::get(address(provider, endpoint)?)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, &self.product)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new());
        let request = request.map_err(|error| unusable(provider, error.to_string()))?;
        let answer = self.http.send(request, Limits::default()).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(not_ok(provider, &answer)) }
    }

    async fn document(&self, provider: &Provider, uri: &str) -> Result<Vec<u8>, OidcError> {
        let request = Request::get(address(provider, uri)?)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, &self.product)
            .body(Vec::new());
        let request = request.map_err(|error| unusable(provider, error.to_string()))?;
        let answer = self.http.send(request, Limits::default()).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(not_ok(provider, &answer)) }
    }

    async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, OidcError> {
        if matches!(provider.kind, Kind::GitHub { .. }) {
            return Ok(Arc::new(Metadata::github(provider)));
        }
        // whoever waits for the same finds it there
        let mut held = self.held(provider)?.lock().await;
        let now = self.clock.now();
        if let Some((metadata, _)) = held.metadata.as_ref().filter(|(_, at)| is_within(FRESH, *at, now)) {
            return Ok(Arc::clone(metadata));
        }
        let uri = format!("{}/.well-known/openid-configuration", provider.described_at);
        let read = self
            .document(provider, &uri)
            .await
            .and_then(|text| Metadata::read(&text, provider).map_err(|problem| unusable(provider, problem)));
        match read {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                held.metadata = Some((Arc::clone(&metadata), now));
                Ok(metadata)
            }
            Err(error) => kept(held.metadata.as_ref(), now, error),
        }
    }

    /// The provider's keys; with `anew` such as are at most half a minute old.
    async fn keys(&self, expected: &Expected<'_>, anew: bool) -> Result<Arc<Vec<SigningKey>>, OidcError> {
        let provider = expected.provider;
        let mut held = self.held(provider)?.lock().await;
        let now = self.clock.now();
        let fresh = if anew { LOOK_AT_MOST_EVERY } else { FRESH };
        let looked = held.looked_at.is_some_and(|at| is_within(LOOK_AT_MOST_EVERY, at, now));
        if let Some((keys, at)) = &held.keys
            && (is_within(fresh, *at, now) || looked)
        {
            return Ok(Arc::clone(keys));
        }
        held.looked_at = Some(now);
        let read = self.document(provider, &expected.metadata.jwks_uri).await;
        let read =
            read.and_then(|text| keys::read_keys(&text).map_err(|problem| unusable(provider, problem)));
        match read {
            Ok(keys) => {
                let keys = Arc::new(keys);
                held.keys = Some((Arc::clone(&keys), now));
                Ok(keys)
            }
            Err(error) => kept(held.keys.as_ref(), now, error),
        }
    }

    fn held(&self, provider: &Provider) -> Result<&Mutex<Held>, OidcError> {
        self.held.get(&provider.key).ok_or_else(|| unusable(provider, "is not configured".to_owned()))
    }
}

/// What a provider gives for a code.
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    token_type: String,
    id_token: Option<String>,
}

fn read_tokens(provider: &Provider, answer: &Answer) -> Result<Tokens, OidcError> {
    /// RFC 6749, section 5.2. GitHub says it with status 200.
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    if let Ok(Failed { error }) = json::from_slice(&answer.body) {
        return Err(match error.as_str() {
            "invalid_grant" | "bad_verification_code" => OidcError::Refused("a code that does not work"),
            // nothing else is the person's doing
            _ => unusable(
                provider,
                format!("it refuses us: {:?}", &error.chars().take(60).collect::<String>()),
            ),
        });
    }
    if !answer.status.is_success() {
        return Err(not_ok(provider, answer));
    }
    json::from_slice(&answer.body).map_err(|error| unusable(provider, format!("its tokens: {error}")))
}

/// The address in what the provider says of whoever has an access token, who must be the same.
fn of_userinfo(
    said: &[u8],
    subject: &str,
    kind: &Kind,
) -> Result<(Option<primitives::Email>, bool), OidcError> {
    // signed or encrypted it would be no object; nobody has asked for that
    let claims: Object =
        json::from_slice(said).map_err(|_| OidcError::Refused("no word about the person"))?;
    if id_token::subject(&claims) != Some(subject) {
        return Err(OidcError::Refused("a word about somebody else"));
    }
    Ok(id_token::address(&claims, kind))
}

/// RFC 6749, section 2.3.1: encoded as in a form, both of them, before they are joined.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

fn is_within(span: SignedDuration, at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < span
}

/// What was held before, when the provider does not answer.
fn kept<T>(
    held: Option<&(Arc<T>, Timestamp)>,
    now: Timestamp,
    error: OidcError,
) -> Result<Arc<T>, OidcError> {
    match held.filter(|(_, at)| is_within(STALE, *at, now)) {
        Some((value, _)) => {
            tracing::warn!(%error, "what an identity provider says of itself is used beyond its time");
            Ok(Arc::clone(value))
        }
        None => Err(error),
    }
}

fn address(provider: &Provider, text: &str) -> Result<Uri, OidcError> {
    text.parse().map_err(|_| unusable(provider, "names an address that is none".to_owned()))
}

fn not_ok(provider: &Provider, answer: &Answer) -> OidcError {
    unusable(provider, format!("it answers with status {}", answer.status.as_u16()))
}

fn unusable(provider: &Provider, problem: String) -> OidcError {
    OidcError::Unusable { provider: provider.key.clone(), problem }
}
