use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, PoisonError},
};

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
    claims::ClaimSet,
    configuration::{ClientSecrets, Kind, Provider},
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
/// How long nobody is asked again who did not answer, where it is an organization that named them: one whose
/// provider is out of order takes no time from others.
const FAILED: SignedDuration = SignedDuration::from_secs(10);
/// Of how many providers that organizations named something is kept.
const MOST_HELD: usize = 64;
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
    /// Whom the provider may expect.
    pub login_hint: Option<&'a str>,
    /// Whether it is to tell the groups that the person is in.
    pub with_groups: bool,
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
    held: StdMutex<Shelf>,
}

/// What is known of providers: of those of the configuration by their keys, of those of organizations by
/// their issuers, which say the same to everybody.
#[derive(Debug, Default)]
struct Shelf {
    held: BTreeMap<String, (Arc<Mutex<Held>>, u64)>,
    /// Counts the looks, so that what was used longest ago goes first.
    looks: u64,
}

impl Shelf {
    fn of(&mut self, provider: &Provider) -> Arc<Mutex<Held>> {
        let name = if provider.is_configured { &provider.key } else { &provider.issuer };
        self.looks += 1;
        let looks = self.looks;
        let is_full = self.held.len() >= MOST_HELD && !self.held.contains_key(name);
        let oldest = self.held.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest.filter(|_| is_full) {
            self.held.remove(&oldest);
        }
        let (held, used) = self.held.entry(name.clone()).or_default();
        *used = looks;
        Arc::clone(held)
    }
}

/// What is known of a provider.
#[derive(Debug, Default)]
struct Held {
    metadata: Option<(Arc<Metadata>, Timestamp)>,
    keys: Option<(Arc<Vec<SigningKey>>, Timestamp)>,
    looked_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl OidcClient {
    /// A client of these providers. `product` is what we call ourselves to them.
    pub fn new(reach: Reach, clock: Clock, product: &str) -> Self {
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let product: String = product.chars().filter(is_plain).collect();
        Self {
            http: GuardedHttp::new(reach),
            clock,
            product: format!("{product}/1"),
            held: StdMutex::default(),
        }
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
        if matches!(provider.kind, Kind::GitHub { .. }) {
            query.append_pair("scope", "read:user user:email");
        } else {
            // a provider that knows no such scope may refuse it
            let groups = sent.with_groups && metadata.knows_scope("groups");
            let scope = if groups { "openid email groups" } else { "openid email" };
            query.append_pair("scope", scope).append_pair("nonce", sent.nonce);
        }
        if let Some(hint) = sent.login_hint {
            query.append_pair("login_hint", hint);
        }
        if provider.is_configured && matches!(provider.kind, Kind::Google | Kind::Microsoft { .. }) {
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
        Ok(self.redeem_with(provider, secrets, redemption, None).await?.0)
    }

    /// The same with all that the provider says. Where the ID token is without this claim, the provider is
    /// asked for more.
    pub async fn redeem_with(
        &self,
        provider: &Provider,
        secrets: &ClientSecrets,
        redemption: Redemption<'_>,
        claim: Option<&str>,
    ) -> Result<(ExternalPerson, ClaimSet), OidcError> {
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
            let person = person.map_err(|problem| unusable(provider, problem))?;
            return Ok((person, ClaimSet::default()));
        }
        let token = tokens.id_token.ok_or(OidcError::Refused("no ID token"))?;
        let expected =
            Expected { provider, metadata: &metadata, nonce: redemption.sent.nonce, now: self.clock.now() };
        let (mut person, mut claims) = self.judge(&token, &expected).await?;
        if redemption.iss.is_some_and(|iss| iss != person.issuer) {
            return Err(OidcError::Refused("another issuer answered"));
        }
        let lacks = person.email.is_none() || claim.is_some_and(|claim| !claims.contains_key(claim));
        if let Some(endpoint) = metadata.userinfo_endpoint.as_ref().filter(|_| lacks) {
            let said = self.ask(provider, endpoint, &tokens.access_token).await?;
            let said = of_userinfo(&said, &person.subject)?;
            if person.email.is_none() {
                (person.email, person.email_verified) = id_token::address(&said, &provider.kind);
            }
            // what is signed counts more
            said.into_iter().for_each(|(name, value)| {
                claims.entry(name).or_insert(value);
            });
        }
        Ok((person, ClaimSet(claims)))
    }

    /// Asks a provider anew what it says of itself, and judges whether somebody could sign in by it: what is
    /// named may be called, and there are keys that we know.
    pub async fn discover(&self, provider: &Provider) -> Result<(), OidcError> {
        let metadata = self.read_metadata(provider).await?;
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        for endpoint in endpoints.into_iter().chain(&metadata.userinfo_endpoint) {
            self.http.check(&address(provider, endpoint)?)?;
        }
        if metadata.algorithms().is_empty() {
            return Err(unusable(provider, "signs in no way that we take".to_owned()));
        }
        let keys = self.document(provider, &metadata.jwks_uri).await?;
        let keys = keys::read_keys(&keys).map_err(|problem| unusable(provider, problem))?;
        if keys.is_empty() {
            return Err(unusable(provider, "has no key that we know".to_owned()));
        }
        let (held, now) = (self.held(provider), self.clock.now());
        let mut held = held.lock().await;
        held.metadata = Some((Arc::new(metadata), now));
        held.keys = Some((Arc::new(keys), now));
        held.failed_at = None;
        Ok(())
    }

    async fn judge(
        &self,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<(ExternalPerson, Object), OidcError> {
        let header = Header::read(token, &expected.metadata.algorithms());
        let header = header.ok_or(OidcError::Refused("an ID token of another kind"))?;
        let mut keys = self.keys(expected, false).await?;
        if header.key(&keys).is_none() {
            keys = self.keys(expected, true).await?;
        }
        let key = header.key(&keys).ok_or(OidcError::Refused("an unknown key"))?;
        let claims = id_token::signed(token, &header, key);
        let claims = claims.ok_or(OidcError::Refused("a wrong signature"))?;
        let person = id_token::judge(&claims, key, expected).map_err(OidcError::Refused)?;
        Ok((person, claims))
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
        let held = self.held(provider);
        let mut held = held.lock().await;
        let now = self.clock.now();
        if let Some((metadata, _)) = held.metadata.as_ref().filter(|(_, at)| is_within(FRESH, *at, now)) {
            return Ok(Arc::clone(metadata));
        }
        if !provider.is_configured && held.failed_at.is_some_and(|at| is_within(FAILED, at, now)) {
            let error = unusable(provider, "did not answer a moment ago".to_owned());
            return kept(held.metadata.as_ref(), now, error);
        }
        match self.read_metadata(provider).await {
            Ok(metadata) => {
                held.failed_at = None;
                let metadata = Arc::new(metadata);
                held.metadata = Some((Arc::clone(&metadata), now));
                Ok(metadata)
            }
            Err(error) => {
                held.failed_at = Some(now);
                kept(held.metadata.as_ref(), now, error)
            }
        }
    }

    async fn read_metadata(&self, provider: &Provider) -> Result<Metadata, OidcError> {
        let uri = format!("{}/.well-known/openid-configuration", provider.described_at);
        let text = self.document(provider, &uri).await?;
        Metadata::read(&text, provider).map_err(|problem| unusable(provider, problem))
    }

    /// The provider's keys; with `anew` such as are at most half a minute old.
    async fn keys(&self, expected: &Expected<'_>, anew: bool) -> Result<Arc<Vec<SigningKey>>, OidcError> {
        let provider = expected.provider;
        let held = self.held(provider);
        let mut held = held.lock().await;
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

    fn held(&self, provider: &Provider) -> Arc<Mutex<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).of(provider)
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

/// What the provider says of whoever has an access token, who must be the same.
fn of_userinfo(said: &[u8], subject: &str) -> Result<Object, OidcError> {
    // signed or encrypted it would be no object; nobody has asked for that
    let claims: Object =
        json::from_slice(said).map_err(|_| OidcError::Refused("no word about the person"))?;
    if id_token::subject(&claims) != Some(subject) {
        return Err(OidcError::Refused("a word about somebody else"));
    }
    Ok(claims)
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
