//! What goes to SES over the wire, and what becomes of its refusals.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::sync::{Arc, Mutex};

use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use email_client::{Brand, Letterhead, MagicLink, Mail, Mailer, SendError, Sender};
use primitives::{Fault, FaultKind, Ids};
use serde_json::{Value, json};

type Requests = Arc<Mutex<Vec<Value>>>;

async fn server(status: StatusCode, error: &'static str) -> (Mailer, Requests) {
    server_for(status, error, None).await
}

async fn server_for(status: StatusCode, error: &'static str, reply_to: Option<&str>) -> (Mailer, Requests) {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let send = move |Json(body): Json<Value>| async move {
        seen.lock().unwrap().push(body);
        let body = if error.is_empty() {
            json!({ "MessageId": "0100" })
        } else {
            json!({ "message": error.split_once(' ').map_or("no", |(_, text)| text) })
        };
        let kind = error.split(' ').next().unwrap_or_default();
        (status, [("x-amzn-errortype", kind)], Json(body)).into_response()
    };
    let router = Router::new().route("/v2/email/outbound-emails", post(send));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build();
    let client = aws_sdk_sesv2::Client::from_conf(config);
    (Mailer::new(client, letterhead(reply_to)), requests)
}

fn letterhead(reply_to: Option<&str>) -> Letterhead {
    Letterhead {
        brand: Brand::new("Gantry", "#1d4ed8".parse().unwrap()),
        from: Sender::new("Gantry", "hello@example.com"),
        reply_to: reply_to.map(|address| address.parse().unwrap()),
        configuration_set: Some("mails".to_owned()),
    }
}

async fn send(mailer: &Mailer) -> Result<String, SendError> {
    let link = "https://app.example.com".to_owned();
    let mail = MagicLink { link, code: "042137".to_owned(), minutes: 15 }.mail(mailer.brand());
    mailer.send(&"ada@example.com".parse().unwrap(), &mail, Ids::sequence().next()).await
}

#[tokio::test]
async fn a_mail_goes_to_one_address_with_both_forms_and_its_tags() {
    let (mailer, requests) = server(StatusCode::OK, "").await;
    assert_eq!(send(&mailer).await.unwrap(), "0100");
    let request = requests.lock().unwrap()[0].clone();
    assert_eq!(request["FromEmailAddress"], "\"Gantry\" <hello@example.com>");
    assert_eq!(request["Destination"], json!({ "ToAddresses": ["ada@example.com"] }));
    assert_eq!(request["ConfigurationSetName"], "mails");
    assert_eq!(
        request["EmailTags"],
        json!([
            { "Name": "event_id", "Value": "evt_00000000000000000000000001" },
            { "Name": "mail", "Value": "magic-link" },
        ])
    );
    let simple = &request["Content"]["Simple"];
    assert_eq!(simple["Subject"], json!({ "Data": "Sign in to Gantry", "Charset": "UTF-8" }));
    assert!(simple["Body"]["Html"]["Data"].as_str().unwrap().starts_with("<!doctype html>"));
    assert!(simple["Body"]["Text"]["Data"].as_str().unwrap().starts_with("Sign in to Gantry"));
}

#[tokio::test]
async fn refusals_say_whether_trying_again_helps() {
    for (status, error, kind) in [
        (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", FaultKind::Limited),
        (StatusCode::BAD_REQUEST, "SendingPausedException", FaultKind::Unavailable),
        (StatusCode::BAD_REQUEST, "LimitExceededException", FaultKind::Limited),
        (StatusCode::INTERNAL_SERVER_ERROR, "", FaultKind::Unavailable),
        (StatusCode::BAD_REQUEST, "MessageRejected", FaultKind::Invalid),
        (StatusCode::BAD_REQUEST, "MessageRejected Email address is not verified.", FaultKind::Internal),
        (StatusCode::BAD_REQUEST, "BadRequestException", FaultKind::Invalid),
        (StatusCode::BAD_REQUEST, "MailFromDomainNotVerifiedException", FaultKind::Internal),
    ] {
        let (mailer, _) = server(status, error).await;
        assert_eq!(send(&mailer).await.unwrap_err().kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_broken_service_may_have_taken_the_mail_and_an_unavailable_one_did_not() {
    let (broken, _) = server(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure").await;
    assert!(matches!(send(&broken).await.unwrap_err(), SendError::Unknown { .. }));
    let (unavailable, _) = server(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable").await;
    assert!(matches!(send(&unavailable).await.unwrap_err(), SendError::Unavailable { .. }));
}

/// A program wrote it. What people may do without says how to say so, if somebody reads what they
/// write.
#[tokio::test]
async fn headers_say_who_wrote_it_and_how_to_get_no_more() {
    let by_program = json!({ "Name": "Auto-Submitted", "Value": "auto-generated" });
    let no_more =
        json!({ "Name": "List-Unsubscribe", "Value": "<mailto:help@example.com?subject=unsubscribe>" });
    let text = || "The trial has ended".to_owned();
    let (subject, html, text) = (text(), text(), text());
    let ended = Mail { name: "trial-ended".to_owned(), optional: true, subject, html, text };
    for (reply_to, optional) in
        [(None, json!([by_program])), (Some("help@example.com"), json!([by_program, no_more]))]
    {
        let (mailer, requests) = server_for(StatusCode::OK, "", reply_to).await;
        send(&mailer).await.unwrap();
        let to = "ada@example.com".parse().unwrap();
        mailer.send(&to, &ended, Ids::sequence().next()).await.unwrap();
        let requests = requests.lock().unwrap().clone();
        let headers = |request: &Value| request["Content"]["Simple"]["Headers"].clone();
        assert_eq!(requests.iter().map(headers).collect::<Vec<_>>(), [json!([by_program]), optional]);
        assert_eq!(requests[0]["ReplyToAddresses"][0].as_str(), reply_to);
    }
}

#[tokio::test]
async fn a_service_that_is_gone_is_unavailable() {
    let (mailer, _) = server(StatusCode::OK, "").await;
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url("http://127.0.0.1:1")
        .build();
    drop(mailer);
    let mailer = Mailer::new(aws_sdk_sesv2::Client::from_conf(config), letterhead(None));
    let error = send(&mailer).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "there was no connection: {error:?}");
}
