//! Configuration, telemetry, AWS clients; serve() for HTTP, consume() for events.
