use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpClient};

use crate::{database::Database, tapped::tapped};

/// A replica of a database that has fallen behind: it is as the database was when it was made. Eventual reads
/// are answered by it, and all other calls by the database itself.
#[derive(Clone, Debug)]
pub struct StaleReads(Arc<Database>);

impl StaleReads {
    /// A replica of what the database holds now.
    pub async fn of(database: &Database) -> Self {
        let replica = Database::start().await;
        replica.copy(database).await;
        Self(Arc::new(replica))
    }

    /// An HTTP client, for plain HTTP, whose eventual reads go to the replica.
    pub fn http_client(&self) -> SharedHttpClient {
        let url = self.0.url.clone();
        tapped(move |mut request, connector| {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let reads = ["GetItem", "Query"].iter().any(|operation| target.ends_with(operation));
            let body = request.body().bytes().unwrap_or_default();
            let is_strong = String::from_utf8_lossy(body).contains(r#""ConsistentRead":true"#);
            let moved = if reads && !is_strong { request.set_uri(url.as_str()) } else { Ok(()) };
            async move {
                moved.map_err(|error| {
                    aws_smithy_runtime_api::client::result::ConnectorError::user(error.to_string().into())
                })?;
                connector.call(request).await
            }
        })
    }
}
