//! The deployed product, and a person who uses it.

use std::{
    iter,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use primitives::{Clock, Ids};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use table::{Table, TableNames};
use xtask::{
    cloud::{ACCESS_KEY, Emulator, REGION, Settings, Stack},
    process::workspace_root,
};

/// How long anything may take to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// An emulated AWS with the product in it.
pub(crate) struct Deployment {
    pub(crate) emulator: Emulator,
    pub(crate) stack: Stack,
}

impl Deployment {
    /// Starts one, or says why it cannot be.
    pub(crate) fn start(settings: &Settings) -> Result<Self, String> {
        let root = workspace_root();
        let emulator = Emulator::start(&root, settings).map_err(|error| format!("{error:#}"))?;
        let stack = Stack::deploy(&root, &emulator).map_err(|error| format!("{error:#}"))?;
        Ok(Self { emulator, stack })
    }
}

/// The deployment that the tests share. It ends with the process; one that fails is not tried
/// again.
fn shared() -> &'static Deployment {
    static SHARED: OnceLock<Result<Deployment, String>> = OnceLock::new();
    let deployment = SHARED
        .get_or_init(|| Deployment::start(&Settings { name: "tests".to_owned(), ..Settings::default() }));
    deployment.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// The deployed product, used from an address of one's own, so that nobody's requests count towards
/// another's limits.
pub(crate) struct Product {
    pub(crate) stack: &'static Stack,
    pub(crate) sdk: SdkConfig,
    emulator: String,
    log: PathBuf,
    address: String,
    http: Client,
}

impl Product {
    pub(crate) async fn start() -> Self {
        Self::of(shared()).await
    }

    pub(crate) async fn of(deployment: &'static Deployment) -> Self {
        static VISITORS: AtomicU8 = AtomicU8::new(1);
        // CloudFront notes the client's address; API Gateway notes ours, which stands for
        // CloudFront's.
        let address = format!("192.0.2.{}", VISITORS.fetch_add(1, Ordering::Relaxed));
        let emulator = deployment.emulator.url().to_owned();
        let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "the account's owner");
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&emulator)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .load()
            .await;
        let log = deployment.emulator.folder().join("functions.log");
        Self { stack: &deployment.stack, sdk, emulator, log, address, http: Client::new() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.stack.url()));
        request.header("x-forwarded-for", &self.address)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::to(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_as(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// The lines of metrics that a function has written so far.
    pub(crate) fn metrics(&self, function: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let lines = log.lines().filter_map(|line| line.find('{').map(|at| &line[at..]));
        let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["function"] == function && line["_aws"].is_object()).collect()
    }

    /// One of the emulator's own pages.
    pub(crate) async fn page(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.emulator)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Waits until `look` finds something.
    pub(crate) async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}; see target/cloud/*/functions.log"))
    }

    /// The mails to this address, oldest first.
    pub(crate) async fn mails(&self, email: &str) -> Vec<Value> {
        let page = self.page("/_ministack/ses/messages").await;
        let all = page["messages"].as_object().unwrap().values().flat_map(|mails| mails.as_array().unwrap());
        all.filter(|mail| mail["To"][0] == email).cloned().collect()
    }

    /// The mail to this address with this subject, as soon as it is there.
    pub(crate) async fn mail(&self, email: &str, subject: &str) -> Value {
        let look = async || self.mails(email).await.into_iter().rev().find(|mail| mail["Subject"] == subject);
        self.eventually(&format!("the mail {subject:?} to {email}"), look).await
    }

    /// A call to a service of the emulated AWS that the tests have no client for, as the account's
    /// owner.
    pub(crate) async fn call(&self, service: &str, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.emulator);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let identity = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "the account's owner").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(Clock::system().now().into())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let signed = SignableRequest::new(method, &url, iter::empty(), SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = sign(signed, &parameters).unwrap().into_parts();
        let mut request = self.http.request(method.parse().unwrap(), &url).body(body);
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        self.send(request).await
    }

    /// A call to IAM, whose protocol is a form.
    pub(crate) async fn iam(&self, action: &str, parameters: &[(&str, &str)]) {
        let named = [("Action", action), ("Version", "2010-05-08")];
        let given = parameters.iter().chain(&named);
        let query = reqwest::Url::parse_with_params("http://localhost/", given).unwrap();
        let answer = self.call("iam", "GET", &format!("/?{}", query.query().unwrap()), &Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{action}: {answer:?}");
    }

    /// Forbids a function's role something for as long as the work takes, and then no more.
    pub(crate) async fn without<T>(&self, role: &str, statement: Value, work: impl Future<Output = T>) -> T {
        let role = self.stack.resource(role);
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let named = [("RoleName", role), ("PolicyName", "test")];
        self.iam("PutRolePolicy", &[named[0], named[1], ("PolicyDocument", &policy)]).await;
        let result = work.await;
        self.iam("DeleteRolePolicy", &named).await;
        result
    }

    /// Invokes a function with an event, as its schedule does, and gives its answer.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Value {
        let name = self.stack.resource(function);
        let answer =
            self.call("lambda", "POST", &format!("/2015-03-31/functions/{name}/invocations"), event).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(!answer.headers.contains_key("x-amz-function-error"), "{function} failed: {answer:?}");
        answer.body
    }

    /// The table, as the functions see it.
    pub(crate) fn table(&self) -> Table {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let name = |output| self.stack.output(output).to_owned();
        let names = TableNames { main: name("TableName"), traffic: name("TrafficTableName") };
        Table::new(client, names, Clock::system(), Ids::random(Clock::system()))
    }

    /// How often the device with this token was told this.
    pub(crate) async fn told(&self, token: &str, text: &str) -> usize {
        let pushes = self.page("/_emulator/pushes").await;
        let is_it = |push: &&Value| push["token"] == token && push["message"]["default"] == text;
        pushes.as_array().unwrap().iter().filter(is_it).count()
    }

    /// A person who owns an organization and is in it: the access token and the organization's id.
    pub(crate) async fn owner(&self, email: &str, slug: &str) -> (String, String) {
        let token = self.sign_in(email).await.text("/access_token");
        let org = self.post_as("/v1/orgs", &token, &json!({ "name": slug, "slug": slug })).await;
        assert_eq!(org.status, StatusCode::CREATED, "{org:?}");
        let id = org.text("/id");
        let session = self.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": id })).await;
        assert_eq!(session.status, StatusCode::OK, "{session:?}");
        (session.tokens().text("/access_token"), id)
    }

    /// Registers a phone.
    pub(crate) async fn device(&self, access_token: &str, push_token: &str) -> String {
        let device = json!({ "platform": "apns", "token": push_token });
        let registered = self.post_as("/v1/me/devices", access_token, &device).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
        registered.text("/id")
    }

    /// A person with a session, in no organization: its tokens.
    pub(crate) async fn sign_in(&self, email: &str) -> Answer {
        let before = self.mails(email).await.len();
        let asked = self.post("/v1/auth/magic-links", &json!({ "email": email })).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        let look = async || {
            let new = self.mails(email).await.split_off(before);
            new.into_iter().find(|mail| mail["Subject"] == "Sign in to Gantry")
        };
        let mail = self.eventually(&format!("the link for {email}"), look).await;
        let text = mail["BodyText"].as_str().unwrap();
        let digits = |part: &&str| part.len() == 6 && part.chars().all(|letter| letter.is_ascii_digit());
        let code = text.split_whitespace().find(digits).unwrap();
        let answer = self.post("/v1/auth/magic-links/verify", &json!({ "email": email, "code": code })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.tokens()
    }
}
