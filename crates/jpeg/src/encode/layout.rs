//! How blocks follow each other in the scan (T.81, A.2.3), and which two are transformed together.

use super::Subsampling;

/// A component's place in the image.
#[derive(Debug, Clone)]
pub(super) struct ComponentLayout {
    /// Samples of a row of the image.
    pub width: usize,
    /// Blocks that hold a sample of the image, across.
    pub blocks_across: usize,
    /// Samples of a row of whole groups.
    pub stride: usize,
    /// Samples down an MCU: 8 or 16.
    pub strip_rows: usize,
    /// Samples across a group.
    pub group_width: usize,
}

/// A block within a group of MCUs.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockPlace {
    pub component: usize,
    /// Blocks of the component to its left and above it, in the group.
    pub column: usize,
    pub row: usize,
    /// Which pair it is one of, and which of the two.
    pub pair: usize,
    pub of_pair: usize,
}

/// Two blocks with the same quantiser.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairPlace {
    /// Component, column and row of each block, as in [`BlockPlace`].
    pub blocks: [(usize, usize, usize); 2],
}

/// The parts of an image. Work goes in groups: an MCU of six blocks, or two MCUs of one or three.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub components: Vec<ComponentLayout>,
    /// Luma rows of an MCU.
    pub mcu_rows: usize,
    /// Groups across.
    pub groups: usize,
    /// Pairs of a group.
    pub pairs: &'static [PairPlace],
    /// Blocks of a group in the order of the scan.
    pub blocks: &'static [BlockPlace],
    /// Whether chroma is of half the size. An MCU has blocks then that may lie beyond the edge.
    pub is_halved: bool,
}

const fn pair(blocks: [(usize, usize, usize); 2]) -> PairPlace {
    PairPlace { blocks }
}

const fn block(component: usize, column: usize, row: usize, pair: usize, of_pair: usize) -> BlockPlace {
    BlockPlace { component, column, row, pair, of_pair }
}

const GREY_PAIRS: [PairPlace; 1] = [pair([(0, 0, 0), (0, 1, 0)])];
const GREY_BLOCKS: [BlockPlace; 2] = [block(0, 0, 0, 0, 0), block(0, 1, 0, 0, 1)];

const FULL_PAIRS: [PairPlace; 3] = [pair([(0, 0, 0), (0, 1, 0)]), pair([(1, 0, 0), (1, 1, 0)]), pair([(2, 0, 0), (2, 1, 0)])];
const FULL_BLOCKS: [BlockPlace; 6] = [
    block(0, 0, 0, 0, 0),
    block(1, 0, 0, 1, 0),
    block(2, 0, 0, 2, 0),
    block(0, 1, 0, 0, 1),
    block(1, 1, 0, 1, 1),
    block(2, 1, 0, 2, 1),
];

const HALF_PAIRS: [PairPlace; 3] = [pair([(0, 0, 0), (0, 1, 0)]), pair([(0, 0, 1), (0, 1, 1)]), pair([(1, 0, 0), (2, 0, 0)])];
const HALF_BLOCKS: [BlockPlace; 6] = [
    block(0, 0, 0, 0, 0),
    block(0, 1, 0, 0, 1),
    block(0, 0, 1, 1, 0),
    block(0, 1, 1, 1, 1),
    block(1, 0, 0, 2, 0),
    block(2, 0, 0, 2, 1),
];

impl Layout {
    /// For 1 or 3 components; a single one is never subsampled.
    pub fn new(width: usize, components: u8, subsampling: Subsampling) -> Self {
        let halved = components == 3 && subsampling == Subsampling::Half;
        let groups = width.div_ceil(16);
        let full = ComponentLayout {
            width,
            blocks_across: width.div_ceil(8),
            stride: groups * 16,
            strip_rows: if halved { 16 } else { 8 },
            group_width: 16,
        };
        let half =
            ComponentLayout { width: width.div_ceil(2), blocks_across: groups, stride: groups * 8, strip_rows: 8, group_width: 8 };
        let (components, pairs, blocks): (_, &[_], &[_]) = if halved {
            (vec![full, half.clone(), half], &HALF_PAIRS, &HALF_BLOCKS)
        } else if components == 3 {
            (vec![full; 3], &FULL_PAIRS, &FULL_BLOCKS)
        } else {
            (vec![full], &GREY_PAIRS, &GREY_BLOCKS)
        };
        Self { mcu_rows: if halved { 16 } else { 8 }, components, groups, pairs, blocks, is_halved: halved }
    }
}
