use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::tools;

/// The region that is emulated.
pub const REGION: &str = "eu-central-1";
/// The access key id of the account's owner, and its secret.
pub const ACCESS_KEY: &str = "test";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// What an emulated AWS is started with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Name of its folder in `target/cloud`: one for each that runs at the same time.
    pub name: String,
    /// Its port; a free one if none is given.
    pub port: Option<u16>,
    /// Where the functions find AWS, if not at the emulator itself: a proxy in between that injects
    /// faults.
    pub function_endpoint: Option<String>,
}

/// A running emulated AWS. It ends, with all functions that it runs, when this is dropped or when
/// the process ends.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    url: String,
    folder: PathBuf,
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

impl Emulator {
    /// Starts it and waits until it answers.
    pub fn start(root: &Path, settings: &Settings) -> Result<Self> {
        let python = tools::emulator(root).context(
            "the emulated AWS is not installed; run `cargo xtask tools`, which needs Python 3.11 or later",
        )?;
        let folder = root.join("target").join("cloud").join(&settings.name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary).with_context(|| format!("cannot create {}", temporary.display()))?;
        let port = settings.port.map_or_else(free_port, Ok)?;
        let url = format!("http://127.0.0.1:{port}");
        let log = File::create(folder.join("emulator.log"))?;
        let child = Command::new(python)
            .arg("-B")
            .arg(root.join("tests").join("cloud").join("emulator"))
            .current_dir(&folder)
            // The functions inherit all of it: they shall see what Lambda gives them, and nothing
            // of this machine's.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", &temporary)
            .env("HOME", &temporary)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("LAMBDA_EXECUTOR", "local")
            .env("AUTH", "true")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("MINISTACK_REGION", REGION)
            .env("AWS_ENDPOINT_URL", settings.function_endpoint.as_ref().unwrap_or(&url))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the emulated AWS")?;
        let mut emulator = Self { child, url, folder };
        emulator.wait_until_up(port)?;
        Ok(emulator)
    }

    fn wait_until_up(&mut self, port: u16) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the emulated AWS ended ({status}); see {}", self.log().display());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "the emulated AWS does not answer; see {}",
                self.log().display()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it writes: one line for each call to a service, and what the functions that queues and
    /// streams call write.
    pub fn log(&self) -> PathBuf {
        self.folder.join("emulator.log")
    }

    /// The folder with all that it leaves behind.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that talks to it as the account's owner.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", self.folder.join("tmp"))
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_REGION", REGION)
            .env("SAM_CLI_TELEMETRY", "0");
        command
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It waits for the end of its standard input, and then ends its functions and itself.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}
