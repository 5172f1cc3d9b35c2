//! The proxy between the functions and the emulated AWS.

use std::{
    fs::File,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use xtask::{cloud::free_port, tools};

/// A running microburst. It ends with the process.
pub(crate) struct Proxy {
    port: u16,
    _child: Child,
}

impl Proxy {
    /// Starts one in front of this port.
    pub(crate) fn start(root: &Path, upstream: u16) -> Result<Self, String> {
        let python = tools::emulator(root).ok_or("microburst is not installed; run `cargo xtask tools`")?;
        let folder = root.join("target").join("cloud");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let log = File::create(folder.join("faults-proxy.log")).map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| format!("{error:#}"))?;
        let child = Command::new(python)
            .arg(root.join("tests").join("cloud").join("proxy.py"))
            .args(["--no-resign", "--port", &port.to_string()])
            .args(["--upstream", &format!("http://127.0.0.1:{upstream}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("microburst does not start: {error}"))?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_mins(1) {
                return Err("microburst does not answer; see target/cloud/faults-proxy.log".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { port, _child: child })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on calls to this service meet these faults; `"*"` stands for all services.
    pub(crate) async fn inject(&self, service: &str, faults: &[Value]) {
        let named = faults.iter().map(|fault| {
            let mut rule = fault.clone();
            rule["service"] = json!(service);
            rule
        });
        self.rules(Method::PATCH, named.collect()).await;
    }

    /// No faults any more for this service; says how often each of them was met.
    pub(crate) async fn heal(&self, service: &str) -> Vec<u64> {
        let rules = self.rules(Method::GET, Value::Null).await;
        let own = rules.as_array().unwrap().iter().filter(|rule| rule["service"] == service);
        let met = own.map(|rule| rule["fired_count"].as_u64().unwrap()).collect();
        self.rules(Method::DELETE, json!([{ "service": service }])).await;
        met
    }

    /// No faults any more.
    pub(crate) async fn heal_all(&self) {
        self.rules(Method::DELETE, json!([])).await;
    }

    async fn rules(&self, method: Method, body: Value) -> Value {
        // Each test has a runtime of its own, and a client's connections live in one.
        let request = Client::new().request(method, format!("{}/_microburst/rules", self.url()));
        let answer = request.json(&body).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert!(status.is_success(), "microburst refuses the rules: {body}");
        body
    }
}
