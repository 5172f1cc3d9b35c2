use std::sync::Arc;

use lambda_runtime::Error;
use primitives::{Fault, FaultKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{function::Function, host::Host};

impl Host {
    /// A function that people invoke by hand, or a program for them: takes a command, gives an
    /// answer. A command that cannot be read or carried out as it is gets `{"error": {"code",
    /// "detail"}}`, which is no failure of the function; a fault of ours is one.
    pub fn command<C, T, F, E>(&self, work: impl Fn(C) -> F + Send + Sync + 'static) -> Function
    where
        C: DeserializeOwned + Send,
        T: Serialize,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Fault,
    {
        let work = Arc::new(work);
        Function::new(self, move |event| {
            // A command is told by a member, so serde reads it through a buffer, and an array in it
            // as an object.
            let command = match event.payload {
                payload @ Value::Object(_) => {
                    primitives::json::from_value(payload).map_err(|error| error.to_string())
                }
                _ => Err("a command is a JSON object".to_owned()),
            };
            let work = command.map(|command| work(command));
            async move {
                match work {
                    Ok(work) => answer(work.await),
                    Err(problem) => Ok(refusal("unreadable_command", &problem)),
                }
            }
        })
    }
}

fn answer<T: Serialize, E: Fault>(result: Result<T, E>) -> Result<Value, Error> {
    match result {
        Ok(answer) => Ok(serde_json::to_value(answer)?),
        Err(error) if matches!(error.kind(), FaultKind::Unavailable | FaultKind::Internal) => {
            Err(error.into())
        }
        Err(error) => Ok(refusal(error.code(), &error.to_string())),
    }
}

fn refusal(code: &str, detail: &str) -> Value {
    tracing::info!(code, detail, "the command is refused");
    json!({ "error": { "code": code, "detail": detail } })
}
