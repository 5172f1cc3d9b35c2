//! The functions of this product, for the local cloud.

use crate::Registry;

/// Every function of `functions/`, by the name of its package.
pub fn registry() -> Registry {
    Registry::new()
}
