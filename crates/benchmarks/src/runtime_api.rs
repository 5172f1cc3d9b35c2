//! Stands in for Lambda's side of the Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), for one instance of one
//! function.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use primitives::Clock;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinSet,
};

/// What the function has done, in its order.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It is ready and asked for an event.
    Asked(Instant),
    /// It was given one.
    Given(Instant),
    Answered(Instant, Value),
    /// It failed: in its start or at an event.
    Failed(String),
}

/// The endpoint. It ends when it is dropped.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<Value>,
    seen: mpsc::UnboundedReceiver<Seen>,
    _server: JoinSet<()>,
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the Runtime API")?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::unbounded_channel();
        let (telling, seen) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { events: Mutex::new(waiting), seen: telling });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(shared);
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the Runtime API stopped: {error}");
            }
        });
        Ok(Self { address, events, seen, _server: server })
    }

    /// What a function is told as `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Gives the function an event when it asks next.
    pub(crate) fn give(&self, event: Value) -> Result<()> {
        self.events.send(event).context("the Runtime API has stopped")
    }

    /// What happens next. An error of the function is an error here.
    pub(crate) async fn seen(&mut self) -> Result<Seen> {
        match self.seen.recv().await.context("the Runtime API has stopped")? {
            Seen::Failed(problem) => bail!("the function reported an error: {problem}"),
            seen => Ok(seen),
        }
    }
}

fn tell(shared: &Shared, seen: Seen) -> StatusCode {
    match shared.seen.send(seen) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    tell(&shared, Seen::Asked(Instant::now()));
    let Some(event) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = Clock::system().now().as_millisecond() + 60_000;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:measured".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    let body = event.to_string();
    tell(&shared, Seen::Given(Instant::now()));
    (headers, body).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(_id): Path<String>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    tell(
        &shared,
        match serde_json::from_slice(&body) {
            Ok(answer) => Seen::Answered(at, answer),
            Err(error) => Seen::Failed(format!("its answer is no JSON: {error}")),
        },
    )
}

async fn error(State(shared): State<Arc<Shared>>, Path(_id): Path<String>, body: String) -> StatusCode {
    tell(&shared, Seen::Failed(body))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: String) -> StatusCode {
    tell(&shared, Seen::Failed(format!("while starting: {body}")))
}
