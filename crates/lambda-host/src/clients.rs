use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    retry::{RetryConfig, RetryMode},
    timeout::{TimeoutConfig, TimeoutConfigBuilder},
};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};

use crate::{
    connections,
    environment::{ConfigurationError, Environment, Stage, wrong},
};

/// How long one attempt to send something is waited for: far longer than the services are slow,
/// since what may have been taken is not sent again.
const LONGEST_ATTEMPT_TO_SEND: Duration = Duration::from_secs(12);

/// How long sending something may take, all attempts and the pauses between them together.
pub const LONGEST_SEND: Duration = Duration::from_secs(16);

/// The SDK's configuration for this environment. Other endpoints than AWS's are for the local stage
/// and for emulators.
///
/// Lambda tells a function its region and its role's credentials in variables, and both hold as
/// long as the instance lives. So nothing of the SDK's search for them (profiles, web identities,
/// container and instance metadata) is needed, started or linked.
pub(crate) fn sdk_config(
    environment: &Environment,
    http_client: Option<SharedHttpClient>,
) -> Result<SdkConfig, ConfigurationError> {
    let http_client = match http_client {
        Some(http_client) => http_client,
        None => connections::http_client(environment)?,
    };
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.required("AWS_REGION")?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials(environment)?))
        .http_client(http_client)
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
        config = config.endpoint_url(url);
    }
    Ok(config.build())
}

/// The same configuration, as patient as sending has to be.
pub(crate) fn patient(config: &SdkConfig) -> SdkConfig {
    let timeouts = config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    let timeouts: TimeoutConfigBuilder =
        timeouts.operation_attempt_timeout(LONGEST_ATTEMPT_TO_SEND).operation_timeout(LONGEST_SEND);
    config.to_builder().timeout_config(timeouts.build()).build()
}

/// A client for calls that send something and carry no idempotency key: the SDK repeats none that
/// may have been taken. All other clients' calls change nothing the second time.
macro_rules! careful {
    ($sdk:ident, $config:expr) => {{
        let builder = $sdk::config::Builder::from(&$crate::clients::patient($config));
        $sdk::Client::from_conf(builder.retry_classifier(sends::OnlyIfNotTaken).build())
    }};
}
pub(crate) use careful;

fn credentials(environment: &Environment) -> Result<Credentials, ConfigurationError> {
    let id = environment.required("AWS_ACCESS_KEY_ID")?;
    let secret = environment.required("AWS_SECRET_ACCESS_KEY")?;
    let token = environment.optional("AWS_SESSION_TOKEN").map(str::to_owned);
    Ok(Credentials::new(id, secret, token, None, "environment"))
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
