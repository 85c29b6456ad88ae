//! The scan's data, a strip (a row of MCUs) at a time.

use super::bit_writer::{Buffer, Cursor};
use super::codes::{self, Codes};
use super::entropy::{code_block, code_repeat};
use super::fdct::{Pair, Quantizer, Transform};
#[cfg(target_arch = "x86_64")]
use super::fdct_avx2::Avx2;
use super::layout::Layout;
use super::machine::Machine;

/// The state between strips.
pub(super) struct Scan {
    cursor: Cursor,
    buffer: Buffer,
    /// The means of the last blocks, by component.
    means: [i32; 3],
    /// For luma and chroma.
    quantizers: [Quantizer; 2],
    machine: Machine,
}

impl Scan {
    /// For these steps, row by row, of luma and chroma.
    pub fn new(luma: &[u16; 64], chroma: &[u16; 64], machine: Machine) -> Self {
        Self {
            cursor: Cursor::default(),
            buffer: Buffer::new(),
            means: [0; 3],
            quantizers: [luma, chroma].map(Quantizer::new),
            machine,
        }
    }

    /// Appends a strip. `planes` are whole: as many rows as an MCU has, as long as the layout's stride; `rows` of those of luma
    /// belong to the image.
    pub fn code_strip(&mut self, layout: &Layout, planes: &[Vec<u8>], rows: usize, output: &mut Vec<u8>) {
        match self.machine {
            Machine::Portable(portable) => self.code_groups(portable, layout, planes, rows, output),
            #[cfg(target_arch = "x86_64")]
            Machine::Avx2(avx2) => avx2.code_strip(self, layout, planes, rows, output),
        }
    }

    /// [`Self::code_strip`] with the machine known, to be inlined where its instructions may be used throughout.
    #[inline(always)]
    pub fn code_groups(
        &mut self,
        transform: impl Transform,
        layout: &Layout,
        planes: &[Vec<u8>],
        rows: usize,
        output: &mut Vec<u8>,
    ) {
        let mut pairs: [Pair; 3] = Default::default();
        let mut cursor = self.cursor;
        for group in 0..layout.groups {
            for (pair, place) in pairs.iter_mut().zip(layout.pairs) {
                let [(first, ..), _] = place.blocks;
                let stride = layout.components[first].stride;
                let [first_samples, second_samples] = place.blocks.map(|(component, column, row)| {
                    let start = row * 8 * stride + group * layout.components[component].group_width + column * 8;
                    &planes[component][start..]
                });
                transform.pair(first_samples, second_samples, stride, &self.quantizers[first.min(1)], pair);
            }
            cursor.make_room(&self.buffer, output);
            for place in layout.blocks {
                let component = &layout.components[place.component];
                let codes: &Codes = if place.component == 0 { &codes::LUMA } else { &codes::CHROMA };
                let column = group * component.group_width / 8 + place.column;
                if column < component.blocks_across && place.row * 8 < rows {
                    let mean = &mut self.means[place.component];
                    code_block(&mut cursor, &mut self.buffer, &pairs[place.pair], place.of_pair, codes, mean);
                } else if layout.is_halved {
                    code_repeat(&mut cursor, &mut self.buffer, codes);
                }
            }
        }
        self.cursor = cursor;
    }

    /// Appends what is left.
    pub fn finish(mut self, output: &mut Vec<u8>) {
        self.cursor.finish(&mut self.buffer, output);
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// [`Scan::code_strip`] with this machine's instructions, those that count and shift bits included.
    #[allow(unsafe_code)]
    fn code_strip(self, scan: &mut Scan, layout: &Layout, planes: &[Vec<u8>], rows: usize, output: &mut Vec<u8>) {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn inner(avx2: Avx2, scan: &mut Scan, layout: &Layout, planes: &[Vec<u8>], rows: usize, output: &mut Vec<u8>) {
            scan.code_groups(avx2, layout, planes, rows, output);
        }
        // SAFETY: `self` says that the instructions are there.
        unsafe { inner(self, scan, layout, planes, rows, output) }
    }
}
