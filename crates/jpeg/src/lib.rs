//! A JPEG decoder made for shrinking
