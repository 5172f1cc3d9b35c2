//! The Lambda function `api-auth`.

#[tokio::main]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_auth::function).await
}
