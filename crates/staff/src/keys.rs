//! The kinds of items of staff. That a person is one of ours is in the person's partition: it is declared in
//! `identity-core`.

table::kinds! {
    /// Who of our staff are operators: a roster, never empty once there was one. Written by `api-admin` and
    /// `operator`; read by the same before one goes.
    "staff_operators" Operators(;) "STAFF_OPERATORS" "STAFF_OPERATORS" {
        store: Main, most_kb: 4, kept: ForGood, owner: Nobody,
        erased: Stays("ids alone; nobody who is in it is erased"),
    }
}
