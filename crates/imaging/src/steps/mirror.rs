use crate::picture::{Picture, Samples};

/// Exchanges top and bottom.
pub(super) fn flip(mut picture: Picture) -> Picture {
    let row = picture.size.width as usize * picture.layout.channels();
    match &mut picture.samples {
        Samples::Eight(samples) => flip_rows(samples, row),
        Samples::Sixteen(samples) => flip_rows(samples, row),
    }
    picture
}

/// Exchanges left and right.
pub(super) fn flop(mut picture: Picture) -> Picture {
    let (width, channels) = (picture.size.width as usize, picture.layout.channels());
    match &mut picture.samples {
        Samples::Eight(samples) => flop_rows(samples, width, channels),
        Samples::Sixteen(samples) => flop_rows(samples, width, channels),
    }
    picture
}

fn flip_rows<S>(samples: &mut [S], row: usize) {
    let half = samples.len() / row.max(1) / 2;
    let (above, below) = samples.split_at_mut(half * row);
    for (upper, lower) in above.chunks_exact_mut(row).zip(below.chunks_exact_mut(row).rev()) {
        upper.swap_with_slice(lower);
    }
}

fn flop_rows<S>(samples: &mut [S], width: usize, channels: usize) {
    match channels {
        1 => flop_pixels::<S, 1>(samples, width),
        2 => flop_pixels::<S, 2>(samples, width),
        3 => flop_pixels::<S, 3>(samples, width),
        _ => flop_pixels::<S, 4>(samples, width),
    }
}

fn flop_pixels<S, const N: usize>(samples: &mut [S], width: usize) {
    for row in samples.as_chunks_mut::<N>().0.chunks_exact_mut(width.max(1)) {
        row.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Size};
    use proptest::prelude::*;

    #[test]
    fn rows_and_columns_change_places() {
        let picture = || Picture::eight(Size { width: 2, height: 3 }, Layout::GreyAlpha, (0..12).collect());
        assert_eq!(flip(picture()).samples, Samples::Eight(vec![8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]));
        assert_eq!(flop(picture()).samples, Samples::Eight(vec![2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9]));
    }

    proptest! {
        #[test]
        fn a_second_mirror_undoes_the_first(
            width in 1_u32..9, height in 1_u32..9,
            layout in prop::sample::select(vec![Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba]),
        ) {
            let size = Size { width, height };
            let samples: Vec<u16> = (0..size.pixels() as usize * layout.channels()).map(|index| index as u16).collect();
            let picture = Picture { size, layout, samples: Samples::Sixteen(samples) };
            prop_assert_eq!(flip(flip(picture.clone())), picture.clone());
            prop_assert_eq!(flop(flop(picture.clone())), picture.clone());
            let turned = crate::orient::upright(picture.clone(), minilab_model::Orientation::try_from(3).unwrap_or_default());
            prop_assert_eq!(flip(flop(picture)), turned);
        }
    }
}
