//! The Lambda function `api-billing`.

#[tokio::main]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_billing::function).await
}
