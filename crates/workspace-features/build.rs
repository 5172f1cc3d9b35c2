//! Without a build script cargo would pass over the features of what the compiler's machine runs.

fn main() {
    // Else it runs when any file of the package is newer, and all tests are compiled anew.
    println!("cargo::rerun-if-changed=build.rs");
}
