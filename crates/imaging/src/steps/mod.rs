//! The steps of a recipe, a file each.

pub(crate) mod resize;
