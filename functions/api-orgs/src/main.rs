//! The Lambda function `api-orgs`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_orgs::function).await
}
