use super::values::map_by_table;
use crate::picture::Picture;

/// Turns each channel but alpha into its opposite.
pub(super) fn apply(picture: Picture) -> Picture {
    map_by_table(picture, |value| 1.0 - value)
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;

    #[test]
    fn alpha_stays() {
        check_both_depths(&row(Layout::Rgba, &[0, 100, 255, 7]), Layout::Rgba, &[255, 155, 0, 7], apply);
        check_both_depths(&row(Layout::Grey, &[0, 100, 255]), Layout::Grey, &[255, 155, 0], apply);
    }

    #[test]
    fn twice_is_nothing() {
        let levels = row(Layout::Grey, &(0..=255).collect::<Vec<u8>>());
        assert_eq!(apply(apply(levels.clone())), levels);
    }
}
