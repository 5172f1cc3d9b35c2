use std::sync::Arc;

use http_api::{
    Authenticate, AuthenticateKey, Edge, EdgeSettings, OpenApiRouter, Problem, StaffEntry, axum::Router,
};
use identity::Authority;
use lambda_host::{ConfigurationError, Error, Function, Host};
use table::{RateLimit, Table};

/// What a function behind API Gateway is built from: the table, and who a token stands for.
#[derive(Clone, Debug)]
pub struct HttpHost {
    host: Host,
    table: Table,
    authority: Authority,
    staff: Option<StaffEntry>,
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
        Ok(Self { host: host.clone(), table, authority, staff: None })
    }

    /// The same for our staff: each request asks as well what its caller is among them. They work from the
    /// addresses of `ADMIN_ADDRESSES`; where there are none, from nowhere.
    pub fn for_staff(self, limit: RateLimit) -> Result<Self, Error> {
        let addresses = self.host.environment().optional("ADMIN_ADDRESSES").unwrap_or_default().parse()?;
        Ok(Self { staff: Some(StaffEntry { addresses, limit }), ..self })
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

    /// The same for routes that speak a dialect of others (SCIM): `spoken` is put around everything that
    /// the edge answers, so that its refusals are in that dialect too.
    pub fn api_spoken(
        &self,
        routes: OpenApiRouter,
        spoken: impl FnOnce(Router) -> Router,
    ) -> Result<Function, Error> {
        Ok(crate::function(&self.host, spoken(self.edge()?.wrap(routes))))
    }

    /// The HTTP edge, with sessions checked against the table.
    fn edge(&self) -> Result<Edge, Error> {
        let (authority, is_for_staff) = (self.authority.clone(), self.staff.is_some());
        let authenticate: Authenticate = Arc::new(move |token, consistency| {
            let authority = authority.clone();
            Box::pin(async move {
                let found = if is_for_staff {
                    authority.member_of_staff(&token, consistency).await
                } else {
                    authority.principal(&token, consistency).await
                };
                found.map_err(Problem::from)
            })
        });
        let authority = self.authority.clone();
        let authenticate_key: AuthenticateKey = Arc::new(move |text, address, consistency| {
            let authority = authority.clone();
            Box::pin(
                async move { authority.key_actor(&text, address, consistency).await.map_err(Problem::from) },
            )
        });
        let environment = self.host.environment();
        let hops: u8 = environment.parsed("TRUSTED_PROXY_HOPS")?;
        let settings = EdgeSettings {
            allowed_origins: environment.origins("ALLOWED_ORIGINS")?,
            trusted_proxy_hops: usize::from(hops),
            staff: self.staff.clone(),
        };
        Ok(Edge::new(settings, (authenticate, authenticate_key), self.table.clone()))
    }
}
