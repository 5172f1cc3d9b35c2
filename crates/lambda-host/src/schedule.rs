use std::sync::Arc;

use primitives::Fault;
use serde::Serialize;

use crate::{function::Function, host::Host};

impl Host {
    /// A function that a schedule runs. What it gives is for the log and whoever invokes it by
    /// hand; an error makes the schedule try again.
    pub fn schedule<T, F, E>(&self, work: impl Fn() -> F + Send + Sync + 'static) -> Function
    where
        T: Serialize,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Fault,
    {
        let work = Arc::new(work);
        Function::new(self, move |_| {
            let work = Arc::clone(&work);
            async move { Ok(serde_json::to_value(work().await?)?) }
        })
    }
}
