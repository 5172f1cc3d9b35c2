use std::sync::Arc;

use http_api::{Authenticate, Edge, EdgeSettings, OpenApiRouter, Problem};
use identity::Authority;
use lambda_host::{ConfigurationError, Error, Function, Host};
use table::Table;

/// What a function behind API Gateway is built from: the table, and who a token stands for.
#[derive(Clone, Debug)]
pub struct HttpHost {
    host: Host,
    table: Table,
    authority: Authority,
}

impl HttpHost {
    /// Begins to connect to the table by reading the keys that every request is checked with. They
    /// are learnt from this read once: later ones may be known by the second request.
    pub async fn start(host: &Host) -> Result<Self, ConfigurationError> {
        let authority = Authority::new(host.table()?, host.public_api_url()?);
        let learns = authority.clone();
        let first = |table: Table| async move {
            if let Some(keys) = table.connect(&identity::keys::SigningKeys::key()).await {
                learns.learn(&keys);
            }
        };
        let table = host.table_opened_by(first).await?;
        Ok(Self { host: host.clone(), table, authority })
    }

    /// The table.
    pub fn table(&self) -> Table {
        self.table.clone()
    }

    /// Who a token stands for.
    pub fn authority(&self) -> Authority {
        self.authority.clone()
    }

    /// A function that serves these routes, wrapped by the edge.
    pub fn api(&self, routes: OpenApiRouter) -> Result<Function, Error> {
        Ok(crate::function(&self.host, self.edge()?.wrap(routes)))
    }

    /// The HTTP edge, with sessions checked against the table.
    fn edge(&self) -> Result<Edge, Error> {
        let authority = self.authority.clone();
        let authenticate: Authenticate = Arc::new(move |token, consistency| {
            let authority = authority.clone();
            Box::pin(async move { authority.principal(&token, consistency).await.map_err(Problem::from) })
        });
        let environment = self.host.environment();
        let hops: u8 = environment.parsed("TRUSTED_PROXY_HOPS")?;
        let settings = EdgeSettings {
            allowed_origins: environment.origins("ALLOWED_ORIGINS")?,
            trusted_proxy_hops: usize::from(hops),
        };
        Ok(Edge::new(settings, authenticate, self.table.clone()))
    }
}
