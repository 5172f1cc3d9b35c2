//! The Lambda function `api-orgs`.

#[tokio::main]
async fn main() -> Result<(), lambda_host::Error> {
    lambda_host::run(api_orgs::function).await
}
