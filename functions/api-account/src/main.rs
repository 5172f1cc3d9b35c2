//! The Lambda function `api-account`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_account::function).await
}
