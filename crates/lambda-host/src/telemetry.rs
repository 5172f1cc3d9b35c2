use tracing_subscriber::EnvFilter;

use crate::environment::Environment;

/// JSON lines on standard output, one for each event, with the fields of the spans around it: CloudWatch reads them as they are.
pub(crate) fn start(environment: &Environment) {
    let level = environment.optional("LOG_LEVEL").unwrap_or("info");
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let installed = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_target(true)
        .without_time()
        .with_env_filter(filter)
        .try_init();
    if installed.is_err() {
        tracing::debug!("a subscriber is installed already");
    }
}
