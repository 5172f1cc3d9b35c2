//! Project commands: check, generate, new-function.
