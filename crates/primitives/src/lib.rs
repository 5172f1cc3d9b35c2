//! Typed ids, email addresses, clock, randomness, paging and the fault model. No I/O.
