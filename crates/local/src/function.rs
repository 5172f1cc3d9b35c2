//! What the local cloud needs to know about a Lambda function: a value that takes an event and
//! gives an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use futures::future::BoxFuture;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

/// A function's environment variables, as the template gives them.
pub type Environment = BTreeMap<String, String>;

/// A function that is ready to be called; the same value that `lambda_runtime::run` would serve.
pub type Function = Arc<dyn Fn(LambdaEvent<Value>) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync>;

/// What a function is made of.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Environment variables; nothing else of the process's environment may be read.
    pub environment: Environment,
    /// Milliseconds that the virtual clock is ahead of the machine's; it moves while the function
    /// lives.
    pub clock_offset_milliseconds: Arc<AtomicI64>,
}

/// Makes a function; called once, before its first call.
pub type Builder = Arc<dyn Fn(Setting) -> BoxFuture<'static, Result<Function, Error>> + Send + Sync>;

/// The functions that this process can run, by the name of their package.
#[derive(Clone, Default)]
pub struct Registry {
    builders: BTreeMap<String, Builder>,
}

impl Registry {
    /// A registry without functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the function of the package `name`.
    #[must_use]
    pub fn with<B, F>(mut self, name: &str, build: B) -> Self
    where
        B: Fn(Setting) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Function, Error>> + Send + 'static,
    {
        self.builders.insert(name.to_owned(), Arc::new(move |setting| Box::pin(build(setting))));
        self
    }

    /// The builder of the package `name`.
    pub fn get(&self, name: &str) -> Option<&Builder> {
        self.builders.get(name)
    }

    /// Names of all packages in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.builders.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.builders.keys()).finish()
    }
}
