//! Without a build script cargo would pass over the features of what the compiler's machine runs.

fn main() {}
