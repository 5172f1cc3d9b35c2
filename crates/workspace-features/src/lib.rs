//! Asks for the features that the whole workspace's dependencies are compiled with, so that `cargo
//! test -p …` finds them compiled (`cargo xtask features`). There is no code in it.
