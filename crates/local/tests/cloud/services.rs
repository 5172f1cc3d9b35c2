//! Every AWS service with the real SDK client.

use crate::product::{Product, local_api, sdk, send};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, RawMessage};
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::SignedDuration;
use local::Cloud;
use serde_json::{Value, json};

async fn start() -> (Cloud, aws_config::SdkConfig) {
    let cloud = Product::default().start().await;
    let config = sdk(cloud.aws_url()).await;
    (cloud, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs() {
    let (cloud, config) = start().await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = sqs.get_queue_url().queue_name("plain").send().await.unwrap().queue_url.unwrap();
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("v").build().unwrap();
    let sent = sqs
        .send_message()
        .queue_url(&url)
        .message_body("one")
        .message_attributes("k", attribute)
        .send()
        .await
        .unwrap();
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let batch = sqs
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", "two"))
        .entries(entry("b", "\u{1}"))
        .send()
        .await
        .unwrap();
    assert_eq!((batch.successful().len(), batch.failed().len()), (1, 1));
    let twice = sqs
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", "x"))
        .entries(entry("a", "y"))
        .send()
        .await;
    assert!(twice.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());

    let received = sqs
        .receive_message()
        .queue_url(&url)
        .max_number_of_messages(10)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    let [first, second] = received.messages() else { panic!("{received:?}") };
    assert_eq!((first.message_id(), first.body()), (sent.message_id(), Some("one")));
    assert_eq!(first.message_attributes().unwrap()["k"].string_value(), Some("v"));
    assert_eq!(first.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    let receipt = first.receipt_handle().unwrap();
    sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
    let garbage = sqs.delete_message().queue_url(&url).receipt_handle("garbage").send().await;
    assert!(garbage.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
    let gone = sqs
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(receipt)
        .visibility_timeout(1)
        .send()
        .await;
    assert!(gone.unwrap_err().into_service_error().is_message_not_inflight());
    let again = second.receipt_handle().unwrap();
    sqs.change_message_visibility()
        .queue_url(&url)
        .receipt_handle(again)
        .visibility_timeout(20)
        .send()
        .await
        .unwrap();
    let counts = || async {
        let attributes =
            sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
        let attributes = attributes.unwrap().attributes.unwrap();
        [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ]
        .map(|name| attributes[&name].clone())
    };
    assert_eq!(counts().await, ["0", "1"]);
    cloud.advance(SignedDuration::from_secs(21)).await;
    assert_eq!(counts().await, ["1", "0"]);

    let unknown = sqs.get_queue_url().queue_name("other").send().await.unwrap_err().into_service_error();
    assert!(unknown.is_queue_does_not_exist(), "{unknown:?}");
    // A long poll ends as soon as a message comes.
    sqs.purge_queue().queue_url(&url).send().await.unwrap();
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let send = sqs.send_message().queue_url(&url).message_body("late").send();
    let (polled, sent) = tokio::join!(poll, send);
    sent.unwrap();
    assert_eq!(polled.unwrap().messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_move_task() {
    let (cloud, config) = start().await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let refused = sqs.start_message_move_task().source_arn(arn("plain")).send().await;
    assert!(refused.is_err());
    let url = cloud.template().queues["dead-letters"].url.clone();
    sqs.send_message().queue_url(&url).message_body("stray").send().await.unwrap();
    let moved = sqs
        .start_message_move_task()
        .source_arn(arn("dead-letters"))
        .destination_arn(arn("plain"))
        .send()
        .await;
    assert!(moved.unwrap().task_handle().is_some());
    let plain = cloud.template().queues["plain"].url.clone();
    assert_eq!(
        sqs.receive_message().queue_url(plain).send().await.unwrap().messages()[0].body(),
        Some("stray")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sns() {
    let (cloud, config) = start().await;
    let sns = aws_sdk_sns::Client::new(&config);
    let application = "arn:aws:sns:us-east-1:000000000000:app/GCM/gantry";
    let nowhere = sns
        .create_platform_endpoint()
        .platform_application_arn("arn:aws:sns:us-east-1:000000000000:app/APNS/other")
        .token("token")
        .send()
        .await;
    assert!(nowhere.unwrap_err().into_service_error().is_not_found_exception());
    let create = |user: &'static str| {
        sns.create_platform_endpoint()
            .platform_application_arn(application)
            .token("token<1>")
            .custom_user_data(user)
            .send()
    };
    let arn = create("usr_1").await.unwrap().endpoint_arn.unwrap();
    assert!(arn.starts_with("arn:aws:sns:us-east-1:000000000000:endpoint/GCM/gantry/"));
    assert_eq!(create("usr_1").await.unwrap().endpoint_arn.as_ref(), Some(&arn));
    let conflict = create("usr_2").await.unwrap_err().into_service_error();
    let message = format!(
        "Invalid parameter: Token Reason: Endpoint {arn} already exists with the same Token, but different attributes."
    );
    assert!(conflict.is_invalid_parameter_exception());
    assert_eq!(conflict.meta().message(), Some(message.as_str()));
    sns.set_endpoint_attributes()
        .endpoint_arn(&arn)
        .attributes("CustomUserData", "usr_2")
        .send()
        .await
        .unwrap();
    let attributes =
        sns.get_endpoint_attributes().endpoint_arn(&arn).send().await.unwrap().attributes.unwrap();
    assert_eq!(attributes["Token"], "token<1>");
    assert_eq!((attributes["Enabled"].as_str(), attributes["CustomUserData"].as_str()), ("true", "usr_2"));

    let publish = || {
        sns.publish()
            .target_arn(&arn)
            .message_structure("json")
            .message(r#"{"default":"hi","GCM":"{}"}"#)
            .send()
    };
    publish().await.unwrap();
    let pushes = local_api(&cloud, "GET", "/pushes", Value::Null).await.json();
    assert_eq!(pushes["items"][0]["message"]["default"], "hi");
    assert_eq!(pushes["items"][0]["platform"], "GCM");
    let disabled = local_api(&cloud, "POST", "/push-endpoints/disable", json!({ "arn": arn })).await;
    assert_eq!(disabled.json()["enabled"], false);
    assert!(publish().await.unwrap_err().into_service_error().is_endpoint_disabled_exception());
    sns.delete_endpoint().endpoint_arn(&arn).send().await.unwrap();
    sns.delete_endpoint().endpoint_arn(&arn).send().await.unwrap();
    let gone =
        sns.get_endpoint_attributes().endpoint_arn(&arn).send().await.unwrap_err().into_service_error();
    assert!(gone.is_not_found_exception());
    assert!(publish().await.unwrap_err().into_service_error().is_invalid_parameter_exception());

    sns.publish().phone_number("+491701234567").message("code 1").send().await.unwrap();
    let messages = local_api(&cloud, "GET", "/messages", Value::Null).await.json();
    assert_eq!(
        (messages["items"][0]["to"].as_str(), messages["items"][0]["text"].as_str()),
        (Some("+491701234567"), Some("code 1"))
    );
    assert!(sns.publish().phone_number("0170").message("x").send().await.is_err());
    sns.publish().topic_arn("arn:aws:sns:us-east-1:000000000000:alarms").message("x").send().await.unwrap();
    let unknown =
        sns.publish().topic_arn("arn:aws:sns:us-east-1:000000000000:other").message("x").send().await;
    assert!(unknown.unwrap_err().into_service_error().is_not_found_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn eventbridge() {
    let (_cloud, config) = start().await;
    let bus = aws_sdk_eventbridge::Client::new(&config);
    let entry = |name: &str, detail: &str| {
        PutEventsRequestEntry::builder()
            .event_bus_name(name)
            .source("test")
            .detail_type("x")
            .detail(detail)
            .build()
    };
    let answer = bus
        .put_events()
        .entries(entry("local-bus", "{}"))
        .entries(entry("nowhere", "{}"))
        .entries(entry("local-bus", "{"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.failed_entry_count(), 2);
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    assert_eq!(codes, [None, Some("ResourceNotFoundException"), Some("MalformedDetail")]);
    assert!(answer.entries()[0].event_id().is_some());
    let aws = PutEventsRequestEntry::builder().source("aws.ec2").detail_type("x").detail("{}").build();
    let aws = bus.put_events().entries(aws).send().await.unwrap();
    assert_eq!(aws.entries()[0].error_code(), Some("NotAuthorizedForSourceException"));
    let eleven = (0..11).map(|_| entry("local-bus", "{}")).collect();
    assert!(bus.put_events().set_entries(Some(eleven)).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn ses() {
    let (cloud, config) = start().await;
    let ses = aws_sdk_sesv2::Client::new(&config);
    let part = |text: &str| Content::builder().data(text).charset("UTF-8").build().unwrap();
    let message = Message::builder()
        .subject(part("Hello ✓"))
        .body(Body::builder().text(part("text")).html(part("<p>html</p>")).build())
        .build();
    let sent = ses
        .send_email()
        .from_email_address("hello@gantry.example")
        .destination(Destination::builder().to_addresses("ada@example.com").build())
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await
        .unwrap();
    let raw = "From: raw@gantry.example\r\nTo: Bob <bob@example.com>\r\nSubject: Raw\r\nContent-Type: text/plain\r\n\r\nbody";
    ses.send_email()
        .content(
            EmailContent::builder()
                .raw(RawMessage::builder().data(raw.as_bytes().into()).build().unwrap())
                .build(),
        )
        .send()
        .await
        .unwrap();
    let mails = local_api(&cloud, "GET", "/mails", Value::Null).await.json();
    assert_eq!(mails["items"][0]["subject"], "Raw");
    assert_eq!(mails["items"][0]["to"], json!(["bob@example.com"]));
    assert!(mails["items"][0]["text"].as_str().unwrap().starts_with("body"));
    let mine = local_api(&cloud, "GET", "/mails?to=Ada@example.com", Value::Null).await.json();
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
    assert_eq!(mine["items"][0]["id"].as_str(), sent.message_id());
    let html =
        local_api(&cloud, "GET", &format!("/mails/{}/html", sent.message_id().unwrap()), Value::Null).await;
    assert_eq!(html.body, b"<p>html</p>");
    assert!(html.headers["content-security-policy"].starts_with("sandbox"));
    let message = Message::builder().subject(part("x")).body(Body::builder().text(part("y")).build()).build();
    for (sender, verified) in [
        ("Gantry <hello@gantry.example>", true),
        ("a@mail.gantry.example", true),
        ("a@evil-gantry.example", false),
        ("Gantry <a@other.example>", false),
    ] {
        let sent = ses
            .send_email()
            .from_email_address(sender)
            .destination(Destination::builder().to_addresses("ada@example.com").build())
            .content(EmailContent::builder().simple(message.clone()).build())
            .send()
            .await;
        let refused = sent.is_err_and(|error| error.into_service_error().is_message_rejected());
        assert_eq!(refused, !verified, "{sender}");
    }
    let nobody =
        ses.send_email().from_email_address("a@b.c").content(EmailContent::builder().build()).send().await;
    assert!(nobody.unwrap_err().into_service_error().is_bad_request_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_manager() {
    let (cloud, config) = start().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let arn = &cloud.template().functions["notes"].environment["SECRET_ARN"];
    let first = secrets.get_secret_value().secret_id(arn).send().await.unwrap().secret_string.unwrap();
    let value: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(value["key"].as_str().unwrap().len(), 64);
    secrets.put_secret_value().secret_id(arn).secret_string("new").send().await.unwrap();
    let second = secrets.get_secret_value().secret_id("Secret").send().await.unwrap();
    assert_eq!(second.secret_string(), Some("new"));
    let unknown = secrets.get_secret_value().secret_id("other").send().await.unwrap_err();
    assert!(unknown.into_service_error().is_resource_not_found_exception());
    let listed = secrets.list_secrets().send().await.unwrap_err().into_service_error();
    assert_eq!(listed.meta().code(), Some("UnknownOperationException"));
    // A service that is not here at all is answered in the form of most: JSON.
    let other = send("GET", &format!("{}/2013-04-01/hostedzone", cloud.aws_url()), &[], "").await;
    assert_eq!((other.status, other.headers["content-type"].as_str()), (400, "application/json"));
    let page = [("origin", "https://evil.example")];
    assert_eq!(send("POST", cloud.aws_url(), &page, "Action=Publish").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb() {
    let (cloud, _) = start().await;
    let table = aws_sdk_dynamodb::Client::new(&sdk(cloud.dynamodb_url()).await);
    let item =
        || [("pk", "a"), ("sk", "b")].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.into())));
    let put = || {
        table
            .put_item()
            .table_name("Table")
            .set_item(Some(item().into()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
    };
    put().await.unwrap();
    assert!(put().await.unwrap_err().into_service_error().is_conditional_check_failed_exception());
}
