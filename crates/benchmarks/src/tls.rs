//! TLS in front of the local cloud, since AWS is never called without it: a certificate authority
//! for this run, and one server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// Where Linux distributions keep the roots that they trust; the second is Lambda's.
const SYSTEM_ROOTS: &[&str] = &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The keys of this run.
pub(crate) struct Authority {
    folder: PathBuf,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes them, into this folder. The server's key is RSA with 2048 bits, as AWS's are.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let openssl = |arguments: &str| {
            let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
            let output =
                run.context("openssl is needed for the keys of this run; or measure with --plain")?;
            let errors = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "openssl {arguments}: {}", errors.trim());
            Ok(())
        };
        fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")?;
        openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=benchmarks -keyout ca.key -out ca.pem")?;
        openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr")?;
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem",
        )?;
        let certificate = CertificateDer::from_pem_file(folder.join("server.pem"))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Ok(Self { folder: folder.to_owned(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// A file for `SSL_CERT_FILE` with as many roots as a function has in production: those of
    /// Amazon for ours, and the system's for a bare one; and this run's own.
    pub(crate) fn trusted_with(&self, roots: &Path, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        let mut text = fs::read(roots).with_context(|| format!("{} cannot be read", roots.display()))?;
        text.extend(fs::read(self.folder.join("ca.pem"))?);
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Serves what is at this plain address with TLS, and says where.
    pub(crate) async fn serve(&self, plain: &str, tasks: &mut JoinSet<()>) -> Result<String> {
        let upstream = plain.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let acceptor = self.acceptor.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass_on(stream, acceptor.clone(), upstream.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(url)
    }
}

/// A function that is ended in the middle of something is no error here, and one that trusts nobody
/// reports it itself.
async fn pass_on(stream: TcpStream, acceptor: TlsAcceptor, upstream: String) {
    let Ok(mut there) = TcpStream::connect(upstream).await else { return };
    let quick = stream.set_nodelay(true).and_then(|()| there.set_nodelay(true));
    if let (Ok(()), Ok(mut here)) = (quick, acceptor.accept(stream).await) {
        copy_bidirectional(&mut here, &mut there).await.ok();
    }
}

/// The system's roots.
pub(crate) fn system_roots() -> Result<&'static Path> {
    let known = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.is_file());
    known.with_context(|| format!("no trusted roots at {}", SYSTEM_ROOTS.join(" or ")))
}
