//! The minilab binary.
#![allow(dead_code)]
mod config;
fn main() {}
