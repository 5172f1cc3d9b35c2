//! The Lambda function `rotate-secret`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(rotate_secret::function).await
}
