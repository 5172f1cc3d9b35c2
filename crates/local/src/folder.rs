//! The folder that keeps the state over restarts. One process at a time has it.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::cloud::StartError;

/// The state besides the table.
pub(crate) const STATE_FILE: &str = "state.json";
/// The clock's offset.
const OFFSET_FILE: &str = "state.clock";
/// The table.
pub(crate) const TABLE_FILE: &str = "table.sqlite";
/// Environment for functions that run outside this process (`cargo lambda watch`).
pub(crate) const ENVIRONMENT_FILE: &str = "env";
/// Locked for as long as the process lives, and says who that is. It stays when the state is
/// removed, since a lock is on a file, not on a name.
const LOCK_FILE: &str = "lock";

/// A folder that is ours.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// The operating system gives the lock back when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Takes the folder for the API at `url`, and empties it if asked to.
    pub(crate) fn open(path: PathBuf, empty: bool, url: &str) -> Result<Self, StartError> {
        let unusable = |error: std::io::Error| unusable(&path, &error);
        std::fs::create_dir_all(&path).map_err(unusable)?;
        let file = path.join(LOCK_FILE);
        let mut options = File::options();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).open(file).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::InUse { holder: holder(&mut lock), folder: path });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        lock.set_len(0).map_err(unusable)?;
        writeln!(lock, "{url} (process {})", std::process::id()).map_err(unusable)?;
        if empty {
            remove_state(&path).map_err(unusable)?;
        }
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    pub(crate) fn unusable(&self, error: &std::io::Error) -> StartError {
        unusable(&self.path, error)
    }
}

fn unusable(folder: &Path, error: &std::io::Error) -> StartError {
    StartError::State { folder: folder.to_owned(), problem: error.to_string() }
}

/// Who has the lock, as far as its file says so.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
    let text = text.trim();
    if read.is_err() || text.is_empty() { "another process".to_owned() } else { text.to_owned() }
}

fn remove_state(folder: &Path) -> std::io::Result<()> {
    let (wal, shm) = (format!("{TABLE_FILE}-wal"), format!("{TABLE_FILE}-shm"));
    for name in [STATE_FILE, OFFSET_FILE, TABLE_FILE, &wal, &shm, ENVIRONMENT_FILE] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
