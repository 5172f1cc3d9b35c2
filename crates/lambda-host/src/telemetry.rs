use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::environment::Environment;

/// JSON lines on standard output, one for each event, with the fields of the spans around it:
/// CloudWatch reads them as they are. Each has a `timestamp` (RFC 3339), or Lambda would overlook
/// its `level` and call it INFO
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).
/// `LOG_LEVEL` is a level, or levels by module as in `info,table=debug`.
pub(crate) fn start(environment: &Environment) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_target(true);
    let filter = filter(environment.optional("LOG_LEVEL"));
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_err() {
        tracing::debug!("a subscriber is installed already");
    }
}

/// `Targets` and not `EnvFilter`, which can tell spans apart by their fields and links a regular
/// expression engine for it.
fn filter(level: Option<&str>) -> Targets {
    let levels = level.and_then(|level| level.parse().ok());
    // a word that is no level would be a module's name, and silence for all others
    let levels = levels.filter(|levels: &Targets| levels.default_level().is_some());
    let levels = levels.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // it writes an error for each proof that is none, which anybody can send; the answer says so as well
    levels.with_target("webauthn_rs_core", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_info() {
        for level in [None, Some("loud"), Some("info")] {
            let filter = filter(level);
            assert!(filter.would_enable("table", &Level::INFO), "{level:?}");
            assert!(!filter.would_enable("table", &Level::DEBUG), "{level:?}");
            assert!(!filter.would_enable("webauthn_rs_core::internals", &Level::ERROR), "{level:?}");
        }
    }

    #[test]
    fn modules_can_have_levels_of_their_own() {
        let filter = filter(Some("warn,table=debug"));
        assert!(filter.would_enable("table::store", &Level::DEBUG));
        assert!(!filter.would_enable("http_api", &Level::INFO));
    }
}
