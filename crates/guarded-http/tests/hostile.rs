//! Addresses that somebody would like us to call, and answers that somebody would like us to read.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
    response::Redirect,
    routing::get,
};
use guarded_http::{FetchError, GuardedHttp, Limits, Reach};
use tokio::net::TcpListener;

fn to(uri: &str) -> Request<Vec<u8>> {
    Request::get(uri).body(Vec::new()).unwrap()
}

fn limits(milliseconds: u64, size: usize) -> Limits {
    Limits { time: Duration::from_millis(milliseconds), size }
}

/// A server on this machine, and how often it was called.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let endless = || async { Body::from_stream(futures_stream()) };
    let routes = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/away", get(|| async { Redirect::temporary("/") }))
        .route("/large", get(|| async { "x".repeat(2000) }))
        .route("/endless", get(endless))
        .route("/silent", get(|| async { std::future::pending::<StatusCode>().await }))
        .route("/zipped", get(|| async { ([(header::CONTENT_ENCODING, "gzip")], "not gzip") }))
        .layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
            counted.fetch_add(1, SeqCst);
            next.run(request)
        }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, calls)
}

/// Bytes without an end, and without a length that says so.
fn futures_stream() -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 1024])))
}

#[tokio::test]
async fn nothing_but_public_https_is_called() {
    let (server, calls) = server().await;
    let port = server.port();
    let client = GuardedHttp::new(Reach::Public);
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
    ] {
        for scheme in ["http", "https"] {
            let refused = client.send(to(&format!("{scheme}://{host}:{port}/")), limits(2000, 100)).await;
            assert!(matches!(refused, Err(FetchError::Refused { .. })), "{scheme}://{host}: {refused:?}");
        }
    }
    // what is an address to some, and nothing to others
    for host in ["localhost.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"] {
        let missed = client.send(to(&format!("https://{host}:{port}/")), limits(2000, 100)).await;
        assert!(
            matches!(missed, Err(FetchError::Refused { .. } | FetchError::Unreachable { .. })),
            "{missed:?}"
        );
    }
    for uri in ["http://example.com/", "ftp://example.com/", "https://ada:secret@example.com/", "/path"] {
        let refused = client.send(to(uri), limits(2000, 100)).await.unwrap_err();
        assert!(matches!(refused, FetchError::Refused { .. }), "{uri}: {refused:?}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    assert_eq!(calls.load(SeqCst), 0);
}

#[tokio::test]
async fn here_only_this_machine_is_called_without_tls() {
    let (server, _) = server().await;
    let client = GuardedHttp::new(Reach::PublicAndLoopback);
    for host in ["127.0.0.1", "localhost"] {
        let uri = format!("http://{host}:{}/", server.port());
        let answer = client.send(to(&uri), Limits::default()).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &b"here"[..]));
    }
    for uri in ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://example.com/"] {
        let refused = client.send(to(uri), limits(2000, 100)).await;
        assert!(matches!(refused, Err(FetchError::Refused { .. })), "{uri}: {refused:?}");
    }
}

#[tokio::test]
async fn an_answer_is_read_within_its_bounds_and_led_nowhere() {
    let (server, calls) = server().await;
    let client = GuardedHttp::new(Reach::PublicAndLoopback);
    let send = |path: &str, limits| client.send(to(&format!("http://{server}{path}")), limits);
    let away = send("/away", limits(2000, 100)).await.unwrap();
    assert_eq!((away.status, calls.load(SeqCst)), (StatusCode::TEMPORARY_REDIRECT, 1), "it is not followed");
    for path in ["/large", "/endless"] {
        let large = send(path, limits(2000, 1000)).await;
        assert!(matches!(large, Err(FetchError::TooLarge { .. })), "{path}: {large:?}");
    }
    assert_eq!(send("/large", limits(2000, 2000)).await.unwrap().body.len(), 2000);
    assert_eq!(send("/zipped", limits(2000, 1000)).await.unwrap().body, b"not gzip", "nothing is unpacked");
    let began = Instant::now();
    let silent = send("/silent", limits(200, 1000)).await;
    assert!(matches!(silent, Err(FetchError::TimedOut { .. })), "{silent:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let nobody = client.send(to(&format!("http://{closed}/")), limits(2000, 100)).await;
    assert!(matches!(nobody, Err(FetchError::Unreachable { .. })), "{nobody:?}");
}
