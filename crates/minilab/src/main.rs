//! The minilab binary.
fn main() {}
