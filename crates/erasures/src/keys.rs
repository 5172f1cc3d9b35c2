//! The kinds of items of erasures.

table::kinds! {
    /// That a person or an organization is being erased, or was: what went, and when. The certificate, and
    /// what tells whoever comes late that nothing is to be written about the subject any more. Written by
    /// `cron-account-erasure`; read by it, by `queue-audit`, and by `api-admin`.
    "erasure" Erasure(subject: String;) "ERASURE#<subject>" "ERASURE" {
        store: Main, most_kb: 4, kept: Until("three years after it ended"), owner: Nobody,
        erased: Stays("an id, times and numbers: the proof that the rest is gone"),
    }
}
