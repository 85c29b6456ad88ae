//! Whether the store takes writes.

/// Whether the store takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not; reads go on.
    NotReady {
        /// Why, one sentence.
        reason: String,
    },
}
