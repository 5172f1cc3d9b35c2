//! What the measured functions talk to: the local cloud with its embedded `DynamoDB`, and in it one
//! person with one organization.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::{
    Cloud, Options,
    functions::{Hosts, registry},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::tls::{Authority, system_roots};

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "four words nobody guesses";
/// The issuer of tokens. Nobody connects to it.
const PUBLIC_API_URL: &str = "https://api.gantry.example";

/// The running cloud, and what requests need to be answered.
pub(crate) struct World {
    cloud: Cloud,
    tls: Option<Tls>,
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) org: String,
    pub(crate) member: String,
    /// The login by which the person signed in.
    pub(crate) login: String,
    /// An event that is in the outbox and that no rule of the bus is for.
    pub(crate) envelope: Value,
}

/// What is told to functions that are to call by TLS.
struct Tls {
    endpoints: [(&'static str, String); 2],
    few_roots: PathBuf,
    many_roots: PathBuf,
    _servers: JoinSet<()>,
}

impl World {
    /// `keys` is a folder for the keys of TLS; without one, calls are plain.
    pub(crate) async fn start(root: &Path, keys: Option<&Path>) -> Result<Self> {
        let template = local::template::whole(&root.join("template.yaml"))?.to_string();
        let parameters = [
            ("PublicApiUrl", PUBLIC_API_URL),
            ("AppUrl", "https://app.gantry.example"),
            ("AllowedOrigins", "https://app.gantry.example"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = Options { parameters, ..Options::ephemeral(template, registry(&Hosts::default())) };
        let cloud = Cloud::start(options).await?;
        let token = sign_up(&cloud).await.context("the person to measure with could not sign up")?;
        let claims = claims(&token)?;
        let claim = |name: &str| claims[name].as_str().map(str::to_owned).context("a claim is missing");
        let told = |kind: &'static str| {
            let found = cloud.inspect(|state| {
                let event = state.events.iter().find(|event| event.detail_type == kind);
                event.map(|event| event.detail.clone())
            });
            found.with_context(|| format!("there was no {kind}"))
        };
        let (envelope, asked) = (told("session.started")?, told("magic_link.requested")?);
        let login = asked["data"]["login_id"].as_str().context("a link was asked for no login")?;
        let tls = match keys {
            Some(keys) => Some(Tls::start(root, keys, &cloud).await?),
            None => None,
        };
        Ok(Self {
            tls,
            user: claim("sub")?,
            org: claim("org")?,
            member: claim("mbr")?,
            login: login.to_owned(),
            token,
            envelope,
            cloud,
        })
    }

    /// What Lambda tells a function, as the template has it, in the stage `dev`: as in production
    /// but with endpoints of our own.
    pub(crate) fn environment(&self, function: &str, bare: bool) -> Result<BTreeMap<String, String>> {
        let spec = self.cloud.template().functions.get(function);
        let mut environment =
            spec.with_context(|| format!("{function} is not in template.yaml"))?.environment.clone();
        // The fake is not reached by https, and no measured event calls Stripe.
        environment.remove("STRIPE_API_URL");
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_SESSION_TOKEN", "local"),
            ("GANTRY_ENVIRONMENT", "dev"),
            ("LOG_LEVEL", "info"),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin"),
            ("TZ", ":UTC"),
        ];
        environment.extend(lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if let Some(tls) = &self.tls {
            environment.extend(tls.endpoints.iter().map(|(name, url)| ((*name).to_owned(), url.clone())));
            let roots = if bare { &tls.many_roots } else { &tls.few_roots };
            environment.insert("SSL_CERT_FILE".to_owned(), roots.display().to_string());
        }
        Ok(environment)
    }

    /// Waits until nothing is left to be done of what was called.
    pub(crate) async fn settle(&self) -> Result<()> {
        ensure!(self.cloud.drain().await, "the local cloud does not come to rest");
        Ok(())
    }

    /// Whether the functions call by TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl Tls {
    async fn start(root: &Path, keys: &Path, cloud: &Cloud) -> Result<Self> {
        let authority = Authority::new(keys)?;
        let mut servers = JoinSet::new();
        let endpoints = [
            ("AWS_ENDPOINT_URL", authority.serve(cloud.aws_url(), &mut servers).await?),
            ("AWS_ENDPOINT_URL_DYNAMODB", authority.serve(cloud.dynamodb_url(), &mut servers).await?),
        ];
        let amazon = root.join("crates/lambda-host/src/amazon-roots.pem");
        Ok(Self {
            endpoints,
            few_roots: authority.trusted_with(&amazon, "few.pem")?,
            many_roots: authority.trusted_with(system_roots()?, "many.pem")?,
            _servers: servers,
        })
    }
}

/// A request as API Gateway gives it to a function.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    request_from("203.0.113.7", method, path, token, body)
}

/// The same from this network address.
fn request_from(source: &str, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    let mut headers = BTreeMap::from([
        ("accept", "application/json".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("host", "api.gantry.example".to_owned()),
        ("idempotency-key", format!("{method}{path}")),
        ("user-agent", "benchmarks".to_owned()),
        ("x-forwarded-for", source.to_owned()),
    ]);
    if let Some(token) = token {
        headers.insert("authorization", format!("Bearer {token}"));
    }
    let lists: BTreeMap<_, _> = headers.iter().map(|(name, value)| (name, [value])).collect();
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": lists,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a1b2c3d4e5",
            "resourceId": "abc123",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": path,
            "stage": "dev",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTimeEpoch": 1_795_435_200_000_u64,
            "identity": { "sourceIp": source, "userAgent": "benchmarks" },
        },
        "body": body.map(ToString::to_string),
        "isBase64Encoded": false,
    })
}

/// Somebody signs in with a password: each attempt from a network of its own, so that no limit is met.
pub(crate) fn sign_in(email: &str, password: &str, attempt: u32) -> Value {
    let source = Ipv4Addr::from(u32::from(Ipv4Addr::new(11, 0, 0, 1)) + attempt).to_string();
    let body = json!({ "email": email, "password": password });
    request_from(&source, "POST", "/v1/auth/password/verify", None, Some(&body))
}

/// Signs somebody up who then owns an organization; returns the access token of the session in it.
async fn sign_up(cloud: &Cloud) -> Result<String> {
    let asked =
        call(cloud, "api-auth", ("POST", "/v1/auth/magic-links"), None, &json!({ "email": EMAIL })).await?;
    ensure!(cloud.drain().await, "the local cloud does not come to rest");
    let mail = cloud.inspect(|state| state.mails.back().and_then(|mail| mail.text.clone()));
    let mail = mail.context("no mail was sent")?;
    let link = mail.split("token=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let proof = json!({ "token": link, "browser_token": asked["browser_token"] });
    let session = call(cloud, "api-auth", ("POST", "/v1/auth/magic-links/verify"), None, &proof).await?;
    let token = session["tokens"]["access_token"].as_str();
    let password = json!({ "password": PASSWORD });
    call(cloud, "api-passwords", ("PUT", "/v1/me/password"), token, &password).await?;
    let org =
        call(cloud, "api-orgs", ("POST", "/v1/orgs"), token, &json!({ "name": "Acme", "slug": "acme" }))
            .await?;
    let place = json!({ "org_id": org["id"] });
    let session = call(cloud, "api-auth", ("POST", "/v1/auth/switch-org"), token, &place).await?;
    ensure!(cloud.drain().await, "the local cloud does not come to rest");
    Ok(session["tokens"]["access_token"].as_str().context("no access token")?.to_owned())
}

async fn call(
    cloud: &Cloud,
    function: &str,
    (method, path): (&str, &str),
    token: Option<&str>,
    body: &Value,
) -> Result<Value> {
    let answer = cloud.invoke(function, request(method, path, token, Some(body))).await?;
    let good = answer["statusCode"].as_u64().is_some_and(|status| (200..300).contains(&status));
    ensure!(good, "{path} answered {answer}");
    let body = answer["body"].as_str().filter(|body| !body.is_empty());
    Ok(serde_json::from_str(body.unwrap_or("null"))?)
}

fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("the token has no payload")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}
