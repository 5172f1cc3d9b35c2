//! The Lambda function `api-auth`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_auth::function).await
}
