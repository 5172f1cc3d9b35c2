//! The Lambda function `hook-stripe`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(hook_stripe::function).await
}
