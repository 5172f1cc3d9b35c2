//! The Lambda function `api-devices`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_devices::function).await
}
