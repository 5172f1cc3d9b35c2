//! The share of a processor that Lambda gives a function of some size, by a control group of Linux.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Lambda gives so many megabytes one whole processor, and less in proportion
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const OF_ONE_PROCESSOR: u64 = 1769;
/// In what time the share has to be kept, microseconds.
const PERIOD: u64 = 20_000;

/// A group of processes with that share together; dropping it ends it, once they are gone.
#[derive(Debug)]
pub(crate) struct Share(PathBuf);

impl Share {
    /// The share of a function with so many megabytes. It takes a machine that lets us make such groups.
    pub(crate) fn of_memory(megabytes: u64) -> Result<Self> {
        let quota = PERIOD * megabytes / OF_ONE_PROCESSOR;
        let name = format!("benchmark-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu");
        let (group, settings) = if first.is_dir() {
            let settings =
                vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            (first.join(name), settings)
        } else {
            (Path::new("/sys/fs/cgroup").join(name), vec![("cpu.max", format!("{quota} {PERIOD}"))])
        };
        fs::create_dir(&group).with_context(|| format!("{} cannot be made", group.display()))?;
        let share = Self(group);
        for (name, value) in settings {
            share.write(name, &value)?;
        }
        Ok(share)
    }

    /// Takes a process into the group.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let file = self.0.join(name);
        fs::write(&file, value).with_context(|| format!("{} cannot be written", file.display()))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}
