use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::answer::answer;
use crate::engine::Engine;
use crate::tasks::Tasks;

/// The largest message that is asked with.
const LARGEST_QUESTION: usize = 4_096;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// Answers until the cloud stops.
pub(crate) fn serve(engine: &Arc<Engine>, tasks: &Tasks, socket: UdpSocket, listener: TcpListener) {
    let over_udp = Arc::clone(engine);
    tasks.spawn_to_the_end(async move {
        let mut asked = vec![0; LARGEST_QUESTION];
        loop {
            // what the system says of an earlier answer that nobody took is no reason to stop
            let Ok((length, from)) = socket.recv_from(&mut asked).await else { continue };
            if let Some(said) = said(&over_udp, &asked[..length], true) {
                drop(socket.send_to(&said, from).await);
            }
        }
    });
    let (engine, connections) = (Arc::clone(engine), tasks.clone());
    tasks.spawn_to_the_end(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let engine = Arc::clone(&engine);
            connections.spawn_to_the_end(async move {
                if let Err(error) = converse(&engine, stream).await {
                    tracing::debug!(%error, "a connection to DNS ended");
                }
            });
        }
    });
}

fn said(engine: &Engine, asked: &[u8], over_udp: bool) -> Option<Vec<u8>> {
    answer(asked, over_udp, |name| engine.store.read(|state| state.dns.get(name).cloned()))
}

/// Messages over TCP have their length before them (RFC 1035, section 4.2.2).
async fn converse(engine: &Engine, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let length = timeout(IDLE, stream.read_u16()).await??;
        let mut asked = vec![0; usize::from(length)];
        timeout(IDLE, stream.read_exact(&mut asked)).await??;
        let Some(said) = said(engine, &asked, false) else { continue };
        let length = u16::try_from(said.len()).map_err(io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&said).await?;
    }
}
