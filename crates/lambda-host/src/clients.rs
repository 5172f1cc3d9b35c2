use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    retry::{RetryConfig, RetryMode},
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};

use crate::environment::{ConfigurationError, Environment, Stage, wrong};

/// The SDK's configuration for this environment. Other endpoints than AWS's are for the local stage and for emulators.
pub(crate) async fn sdk_config(
    environment: &Environment,
    dispatch: Option<SharedHttpClient>,
) -> Result<SdkConfig, ConfigurationError> {
    let local = environment.stage()? == Stage::Local;
    let region = environment.required("AWS_REGION")?.to_owned();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region))
        .retry_config(
            RetryConfig::standard()
                .with_retry_mode(RetryMode::Standard)
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_millis(2_500))
                .operation_timeout(Duration::from_secs(8))
                .build(),
        );
    if let Some(url) = environment.optional("AWS_ENDPOINT_URL") {
        loader = loader.endpoint_url(url);
    }
    if let Some(http_client) = dispatch {
        loader = loader.http_client(http_client);
    }
    if local {
        let key = |name: &str| environment.required(name).map(str::to_owned);
        let (id, secret) = (key("AWS_ACCESS_KEY_ID")?, key("AWS_SECRET_ACCESS_KEY")?);
        let credentials = Credentials::new(id, secret, None, None, "environment");
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    Ok(loader.load().await)
}

/// A `DynamoDB` client: it alone may have an endpoint of its own.
pub(crate) fn dynamodb(
    config: &SdkConfig,
    environment: &Environment,
) -> Result<aws_sdk_dynamodb::Client, ConfigurationError> {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config);
    if let Some(url) = environment.optional("AWS_ENDPOINT_URL_DYNAMODB") {
        if environment.stage()? == Stage::Production {
            return Err(wrong("AWS_ENDPOINT_URL_DYNAMODB", "production talks to AWS itself; unset it"));
        }
        builder = builder.endpoint_url(url);
    }
    Ok(aws_sdk_dynamodb::Client::from_conf(builder.build()))
}
