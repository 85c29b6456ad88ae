//! Which of a few places is nearest.

use super::oklab::{Place, distance};

/// Places, at most 256, sorted by lightness so that few of them have to be looked at.
#[derive(Debug)]
pub(super) struct Nearest {
    sorted: Vec<(Place, u8)>,
}

impl Nearest {
    /// Of at least one place; their order gives the indices.
    pub(super) fn new(places: impl Iterator<Item = Place>) -> Self {
        let mut sorted: Vec<(Place, u8)> = places.zip(0..=u8::MAX).collect();
        sorted.sort_by(|(a, _), (b, _)| a[0].total_cmp(&b[0]));
        Self { sorted }
    }

    /// The index of the nearest place, and its squared distance.
    pub(super) fn find(&self, place: Place) -> (u8, f32) {
        self.search(place, None)
    }

    /// The squared distance of the nearest other place to the one with this index; infinite where there is none.
    pub(super) fn spacing(&self, place: Place, index: u8) -> f32 {
        self.search(place, Some(index)).1
    }

    fn search(&self, place: Place, except: Option<u8>) -> (u8, f32) {
        let sorted = self.sorted.as_slice();
        let mut best = (0, f32::INFINITY);
        let mut look = |&(other, index): &(Place, u8)| {
            let apart = other[0] - place[0];
            if apart * apart >= best.1 {
                return false;
            }
            let found = distance(other, place);
            if found < best.1 && Some(index) != except {
                best = (index, found);
            }
            true
        };
        // Outwards in both directions, until lightness alone is farther than the nearest so far.
        let mut upper = sorted.partition_point(|(other, _)| other[0] < place[0]);
        let mut lower = upper;
        while lower > 0 || upper < sorted.len() {
            if lower > 0 {
                lower = if look(&sorted[lower - 1]) { lower - 1 } else { 0 };
            }
            if upper < sorted.len() {
                upper = if look(&sorted[upper]) { upper + 1 } else { sorted.len() };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_what_a_look_at_all_finds() {
        let place = |seed: u32| -> Place {
            let bytes = seed.wrapping_mul(2_654_435_761).rotate_left(seed % 31).wrapping_mul(0x9e37_79b9).to_le_bytes();
            [0, 1, 2, 3].map(|axis| f32::from(bytes[axis]) / 255.0)
        };
        let places: Vec<Place> = (1..200).map(place).collect();
        let nearest = Nearest::new(places.iter().copied());
        for seed in 1000..3000 {
            let wanted = place(seed);
            let least = places.iter().map(|&other| distance(other, wanted)).fold(f32::INFINITY, f32::min);
            let (index, found) = nearest.find(wanted);
            assert_eq!((found, distance(places[usize::from(index)], wanted)), (least, least));
        }
        assert_eq!(Nearest::new(std::iter::once([0.5; 4])).spacing([0.5; 4], 0), f32::INFINITY);
    }
}
