//! What Lambda starts. One binary is every function; the environment says which.

fn main() {}
