//! The Lambda function `rotate-secret`.

#[tokio::main]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(rotate_secret::function).await
}
