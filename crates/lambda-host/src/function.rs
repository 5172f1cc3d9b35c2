use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{environment::Environment, host::Host, metrics::Invocation, telemetry};

tokio::task_local! {
    static TRACE_HEADER: Option<String>;
}

/// The X-Ray trace header of the invocation at hand, to be sent on with whatever it causes.
pub fn trace_header() -> Option<String> {
    TRACE_HEADER.try_with(Clone::clone).ok().flatten()
}

type Handler = dyn Fn(LambdaEvent<Value>) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync;

/// A Lambda function as a value: takes the event's JSON, gives the answer's JSON. Cheap to clone.
#[derive(Clone)]
pub struct Function(Arc<Handler>);

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl Function {
    /// Wraps the work in what every invocation has: a deadline, a log span, metrics.
    pub fn new<F>(host: &Host, work: impl Fn(LambdaEvent<Value>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        let host = host.clone();
        let cold = AtomicBool::new(true);
        Self(Arc::new(move |event: LambdaEvent<Value>| {
            let cold_start = cold.swap(false, Ordering::Relaxed);
            let host = host.clone();
            let deadline = Host::deadline(event.context.deadline);
            let trace = event.context.xray_trace_id.clone();
            let span = tracing::info_span!(
                "invocation",
                function = host.function_name(),
                request_id = event.context.request_id,
                trace,
                cold_start,
            );
            let work = work(event);
            Box::pin(
                TRACE_HEADER
                    .scope(trace, async move {
                        let began = Instant::now();
                        let answer = table::within_deadline(deadline, async {
                            host.connected().await;
                            work.await
                        });
                        let answer = answer.await;
                        if let Err(error) = &answer {
                            tracing::error!(error = error.to_string(), "the invocation failed");
                        }
                        measure(&host, began.elapsed(), cold_start, &answer);
                        answer
                    })
                    .instrument(span),
            )
        }))
    }

    /// Invokes it.
    pub async fn invoke(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        (self.0)(event).await
    }
}

fn measure(host: &Host, took: Duration, cold_start: bool, answer: &Result<Value, Error>) {
    let calls = host.take_calls();
    let invocation = Invocation {
        function: host.function_name(),
        version: host.function_version(),
        stage: host.stage(),
        at_milliseconds: host.clock().now().as_millisecond(),
        milliseconds: took.as_secs_f64() * 1_000.0,
        cold_start,
        failed: answer.is_err(),
        // What API Gateway is told; Lambda sees no failure in it.
        status: answer.as_ref().ok().and_then(|answer| answer["statusCode"].as_u64()),
        calls: &calls,
    };
    let metrics = invocation.emit();
    host.remember(calls, metrics);
}

/// Runs a function in Lambda: everything that `main` does.
pub async fn run(build: impl AsyncFnOnce(&Host) -> Result<Function, Error>) -> Result<(), Error> {
    let environment = Environment::of_process();
    telemetry::start(&environment);
    let started = async {
        let host = Host::start(environment)?;
        build(&host).await
    };
    let function =
        started.await.inspect_err(|error| tracing::error!(%error, "the function does not start"))?;
    lambda_runtime::run(service_fn(move |event| {
        let function = function.clone();
        async move { function.invoke(event).await }
    }))
    .await
}
