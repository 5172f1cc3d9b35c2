//! The steps with SNS, against a small server that speaks its query protocol.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use axum::{Form, Router, http::StatusCode, response::IntoResponse, routing::post};
use primitives::{Fault, FaultKind, Ids};
use push_client::{Notification, Published, PushClient, PushError};

const APPLICATION: &str = "arn:aws:sns:eu-central-1:000000000000:app/GCM/gantry";
const ENDPOINT: &str = "arn:aws:sns:eu-central-1:000000000000:endpoint/GCM/gantry/1";

type Fields = HashMap<String, String>;

/// Answers the calls in this order, and keeps what was asked.
struct Script {
    client: PushClient,
    requests: Arc<Mutex<Vec<Fields>>>,
}

#[derive(Clone)]
enum Reply {
    Result(String),
    Error(u16, &'static str, String),
}

impl Script {
    async fn new(replies: Vec<Reply>) -> Self {
        let requests = Arc::<Mutex<Vec<Fields>>>::default();
        let (seen, left) = (Arc::clone(&requests), Arc::new(Mutex::new(replies.into_iter())));
        let answer = move |Form(fields): Form<Fields>| async move {
            let action = fields["Action"].clone();
            seen.lock().unwrap().push(fields);
            match left.lock().unwrap().next().unwrap() {
                Reply::Result(result) => (
                    StatusCode::OK,
                    format!("<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{action}Result>{result}</{action}Result></{action}Response>"),
                )
                    .into_response(),
                Reply::Error(status, code, message) => (
                    StatusCode::from_u16(status).unwrap(),
                    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"),
                )
                    .into_response(),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
        let config = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(url)
            .build();
        Self { client: PushClient::new(aws_sdk_sns::Client::from_conf(config)), requests }
    }

    fn actions(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|fields| fields["Action"].clone()).collect()
    }
}

fn created() -> Reply {
    Reply::Result(format!("<EndpointArn>{ENDPOINT}</EndpointArn>"))
}

fn attributes(token: &str, enabled: bool) -> Reply {
    let entry = |key: &str, value: &str| format!("<entry><key>{key}</key><value>{value}</value></entry>");
    let entries = entry("Token", token) + &entry("Enabled", &enabled.to_string());
    Reply::Result(format!("<Attributes>{entries}</Attributes>"))
}

fn nothing() -> Reply {
    Reply::Result(String::new())
}

fn not_found() -> Reply {
    Reply::Error(404, "NotFound", "Endpoint does not exist".to_owned())
}

#[tokio::test]
async fn a_new_token_gets_an_endpoint() {
    let script = Script::new(vec![created(), attributes("token", true)]).await;
    assert_eq!(script.client.endpoint(APPLICATION, "token").await.unwrap(), ENDPOINT);
    assert_eq!(script.actions(), ["CreatePlatformEndpoint", "GetEndpointAttributes"]);
    let requests = script.requests.lock().unwrap();
    assert_eq!(requests[0]["PlatformApplicationArn"], APPLICATION);
    assert_eq!(requests[0]["Token"], "token");
}

#[tokio::test]
async fn a_known_token_with_other_attributes_is_found_in_the_refusal_and_put_right() {
    let refusal = format!(
        "Invalid parameter: Token Reason: Endpoint {ENDPOINT} already exists with the same Token, but different attributes."
    );
    let known = Reply::Error(400, "InvalidParameter", refusal);
    let script = Script::new(vec![known, attributes("token", false), nothing()]).await;
    assert_eq!(script.client.endpoint(APPLICATION, "token").await.unwrap(), ENDPOINT);
    let requests = script.requests.lock().unwrap();
    let set = &requests[2];
    let pairs = |n: u8| {
        (
            set[&format!("Attributes.entry.{n}.key")].clone(),
            set[&format!("Attributes.entry.{n}.value")].clone(),
        )
    };
    let set: BTreeMap<_, _> = [pairs(1), pairs(2)].into();
    assert_eq!(set, BTreeMap::from([("Enabled".into(), "true".into()), ("Token".into(), "token".into())]));
}

#[tokio::test]
async fn a_token_that_differs_is_set() {
    let script = Script::new(vec![created(), attributes("old", true), nothing()]).await;
    script.client.endpoint(APPLICATION, "token").await.unwrap();
    assert_eq!(script.actions().last().unwrap(), "SetEndpointAttributes");
}

#[tokio::test]
async fn an_endpoint_that_is_deleted_meanwhile_is_created_again() {
    let script = Script::new(vec![
        created(),
        not_found(),
        created(),
        attributes("token", false),
        not_found(),
        created(),
        attributes("token", true),
    ])
    .await;
    assert_eq!(script.client.endpoint(APPLICATION, "token").await.unwrap(), ENDPOINT);
    assert_eq!(script.actions().len(), 7);
}

#[tokio::test]
async fn gives_up_when_the_endpoint_never_stays() {
    let script = Script::new((0..3).flat_map(|_| [created(), not_found()]).collect()).await;
    let error = script.client.endpoint(APPLICATION, "token").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Unavailable);
}

#[tokio::test]
async fn a_token_that_sns_refuses_is_the_callers_mistake() {
    let bad = Reply::Error(
        400,
        "InvalidParameter",
        "Invalid parameter: Token Reason: iOS device tokens must be no more than 400 hexadecimal characters"
            .to_owned(),
    );
    let error = Script::new(vec![bad]).await.client.endpoint(APPLICATION, "token").await.unwrap_err();
    assert!(matches!(error, PushError::Rejected { .. }) && error.code() == "invalid_request");
}

#[tokio::test]
async fn a_missing_platform_application_is_our_mistake() {
    let missing = Reply::Error(404, "NotFound", "PlatformApplication does not exist".to_owned());
    let error = Script::new(vec![missing]).await.client.endpoint(APPLICATION, "token").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Internal);
}

#[tokio::test]
async fn a_notification_is_published_with_its_collapse_id() {
    let script = Script::new(vec![Reply::Result("<MessageId>1</MessageId>".to_owned())]).await;
    let notification = Notification::new(Ids::sequence().next(), "Hello", "World", &BTreeMap::new());
    assert_eq!(script.client.publish(ENDPOINT, &notification).await.unwrap(), Published::Sent);
    let request = script.requests.lock().unwrap()[0].clone();
    assert_eq!((&*request["TargetArn"], &*request["MessageStructure"]), (ENDPOINT, "json"));
    let attribute = |name: &str| {
        (1..=2).find_map(|n| {
            let is = request[&format!("MessageAttributes.entry.{n}.Name")] == name;
            is.then(|| request[&format!("MessageAttributes.entry.{n}.Value.StringValue")].clone())
        })
    };
    assert_eq!(
        attribute("AWS.SNS.MOBILE.APNS.COLLAPSE_ID").as_deref(),
        Some("evt_00000000000000000000000001")
    );
    assert_eq!(attribute("AWS.SNS.MOBILE.APNS.PUSH_TYPE").as_deref(), Some("alert"));
}

#[tokio::test]
async fn a_device_that_is_gone_is_an_outcome_and_no_error() {
    let gone = [
        Reply::Error(400, "EndpointDisabled", "Endpoint is disabled".to_owned()),
        not_found(),
        Reply::Error(
            400,
            "InvalidParameter",
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified".to_owned(),
        ),
    ];
    let notification = Notification::new(Ids::sequence().next(), "Hello", "World", &BTreeMap::new());
    for reply in gone {
        let script = Script::new(vec![reply]).await;
        assert_eq!(script.client.publish(ENDPOINT, &notification).await.unwrap(), Published::Gone);
    }
}

#[tokio::test]
async fn throttling_is_worth_another_try() {
    let notification = Notification::new(Ids::sequence().next(), "Hello", "World", &BTreeMap::new());
    for (status, code) in [(429, "Throttled"), (400, "Throttling"), (500, "InternalError"), (503, "")] {
        let script = Script::new(vec![Reply::Error(status, code, String::new())]).await;
        let error = script.client.publish(ENDPOINT, &notification).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Unavailable, "{code}");
    }
}

#[tokio::test]
async fn deleting_twice_is_deleting_once() {
    let script = Script::new(vec![nothing(), not_found()]).await;
    script.client.delete(ENDPOINT).await.unwrap();
    script.client.delete(ENDPOINT).await.unwrap();
}
