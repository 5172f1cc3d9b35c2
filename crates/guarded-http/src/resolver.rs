use std::net::IpAddr;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use tokio::net::lookup_host;

use crate::address::Reach;

/// A name that leads to an address which may not be called.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} leads to an address that is not public")]
pub(crate) struct NotPublic(pub(crate) String);

/// Looks names up, and gives only addresses that may be called: what it gives is what is connected to, so a
/// name that means something else a moment later changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Resolver(pub(crate) Reach);

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            // one bad address among good ones is somebody's try
            if addresses.iter().all(|address| self.0.admits(*address)) {
                Ok(addresses)
            } else {
                Err(ResolveDnsError::new(NotPublic(name.to_owned())))
            }
        })
    }
}
