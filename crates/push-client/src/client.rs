use std::collections::HashMap;

use aws_sdk_sns::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{create_platform_endpoint::CreatePlatformEndpointError, publish::PublishError},
    types::MessageAttributeValue,
};

use crate::{Notification, PushError};

const TOKEN: &str = "Token";
const ENABLED: &str = "Enabled";

/// How often the steps of [`PushClient::endpoint`] are begun anew when somebody deletes the
/// endpoint meanwhile.
const ROUNDS: u32 = 3;

/// Speaks with SNS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PushClient {
    client: Client,
}

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// SNS took it.
    Sent,
    /// The device is reached no more: the app was removed, or the endpoint deleted.
    Gone,
}

impl PushClient {
    /// With this client of SNS.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The ARN of the one enabled endpoint for `token` in the platform application: created, or
    /// found and put right. Calling it again is harmless.
    ///
    /// The steps are those that AWS asks for at every start of an app: create, get, and set what
    /// differs (<https://docs.aws.amazon.com/sns/latest/dg/mobile-platform-endpoint.html>).
    pub async fn endpoint(&self, application: &str, token: &str) -> Result<String, PushError> {
        for _ in 0..ROUNDS {
            let endpoint = self.create(application, token).await?;
            let Some(attributes) = self.attributes(&endpoint).await? else { continue };
            let is = |name: &str, value: &str| attributes.get(name).is_some_and(|text| text == value);
            if is(TOKEN, token) && is(ENABLED, "true") || self.enable(&endpoint, token).await? {
                return Ok(endpoint);
            }
        }
        Err(PushError::Unavailable {
            operation: "GetEndpointAttributes",
            code: "NotFound".to_owned(),
            detail: format!("the endpoint was created and deleted {ROUNDS} times"),
        })
    }

    async fn create(&self, application: &str, token: &str) -> Result<String, PushError> {
        let create =
            self.client.create_platform_endpoint().platform_application_arn(application).token(token);
        match create.send().await {
            Ok(answer) => answer.endpoint_arn.ok_or_else(|| PushError::Unavailable {
                operation: "CreatePlatformEndpoint",
                code: "bad answer".to_owned(),
                detail: "no EndpointArn in the answer".to_owned(),
            }),
            Err(error) => existing(&error).ok_or_else(|| PushError::sort("CreatePlatformEndpoint", error)),
        }
    }

    /// None when there is no such endpoint.
    async fn attributes(&self, endpoint: &str) -> Result<Option<HashMap<String, String>>, PushError> {
        match self.client.get_endpoint_attributes().endpoint_arn(endpoint).send().await {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) if error.code() == Some("NotFound") => Ok(None),
            Err(error) => Err(PushError::sort("GetEndpointAttributes", error)),
        }
    }

    /// Says no when there is no such endpoint.
    async fn enable(&self, endpoint: &str, token: &str) -> Result<bool, PushError> {
        let set = self
            .client
            .set_endpoint_attributes()
            .endpoint_arn(endpoint)
            .attributes(TOKEN, token)
            .attributes(ENABLED, "true");
        match set.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NotFound") => Ok(false),
            Err(error) => Err(PushError::sort("SetEndpointAttributes", error)),
        }
    }

    /// Sends the notification to one endpoint: at least once, see [`Notification`].
    pub async fn publish(&self, endpoint: &str, notification: &Notification) -> Result<Published, PushError> {
        let answer = self
            .client
            .publish()
            .target_arn(endpoint)
            .message_structure("json")
            .message(notification.message())
            .message_attributes("AWS.SNS.MOBILE.APNS.PUSH_TYPE", text("alert")?)
            .message_attributes("AWS.SNS.MOBILE.APNS.COLLAPSE_ID", text(&notification.id().to_string())?)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Published::Sent),
            Err(error) if is_gone(&error) => Ok(Published::Gone),
            Err(error) => Err(PushError::sort("Publish", error)),
        }
    }

    /// Deletes the endpoint; one that is not there is no error.
    pub async fn delete(&self, endpoint: &str) -> Result<(), PushError> {
        match self.client.delete_endpoint().endpoint_arn(endpoint).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NotFound") => Ok(()),
            Err(error) => Err(PushError::sort("DeleteEndpoint", error)),
        }
    }
}

fn text(value: &str) -> Result<MessageAttributeValue, PushError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().map_err(|error| {
        PushError::Refused { operation: "Publish", code: "incomplete".to_owned(), detail: error.to_string() }
    })
}

/// SNS tells the endpoint of a known token only in the text of its refusal:
/// `Invalid parameter: Token Reason: Endpoint <arn> already exists with the same Token, but
/// different attributes.`
fn existing<R>(error: &SdkError<CreatePlatformEndpointError, R>) -> Option<String> {
    let message = error.message().filter(|_| error.code() == Some("InvalidParameter"))?;
    let (_, rest) = message.split_once("Endpoint arn:")?;
    let (arn, _) = rest.split_once(" already exists with the same")?;
    Some(format!("arn:{arn}"))
}

fn is_gone<R>(error: &SdkError<PublishError, R>) -> bool {
    match error.code() {
        Some("EndpointDisabled" | "NotFound") => true,
        // A deleted endpoint: `Invalid parameter: TargetArn Reason: No endpoint found for the
        // target arn specified`
        Some("InvalidParameter") => error.message().is_some_and(|text| text.contains("No endpoint found")),
        _ => false,
    }
}
