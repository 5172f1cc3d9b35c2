//! What is uploaded for a function.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use flate2::{Compression, write::DeflateEncoder};

/// Headers and directory of an archive with one file named `bootstrap`.
const ARCHIVE: u64 = 30 + 46 + 22 + 2 * "bootstrap".len() as u64;

/// How large a function is, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) binary: u64,
    /// As a zip archive, which is what Lambda takes.
    pub(crate) zip: u64,
}

pub(crate) fn size(binary: &Path) -> Result<Size> {
    let bytes = fs::read(binary)
        .with_context(|| format!("{} cannot be read; `cargo xtask bench` builds it", binary.display()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&bytes)?;
    let zip = encoder.finish()?.len() as u64 + ARCHIVE;
    Ok(Size { binary: bytes.len() as u64, zip })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_is_about_as_large_as_what_does_not_repeat() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bootstrap");
        fs::write(&file, vec![0; 1_000_000]).unwrap();
        let size = size(&file).unwrap();
        assert_eq!(size.binary, 1_000_000);
        assert!((ARCHIVE..2_000).contains(&size.zip), "{size:?}");
    }
}
