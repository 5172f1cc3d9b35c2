//! The Lambda function `api-billing`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_billing::function).await
}
