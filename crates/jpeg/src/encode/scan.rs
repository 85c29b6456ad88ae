//! The scan's data, a strip (a row of MCUs) at a time.

use super::bit_writer::{Buffer, Cursor};
use super::codes::{self, Codes, STANDARD};
use super::entropy::{BitSink, Sink, code_block, code_repeat};
use super::fdct::{Pair, Quantizer, Transform};
#[cfg(target_arch = "x86_64")]
use super::fdct_avx2::Avx2;
use super::fitted::{expect, fitted};
use super::layout::Layout;
use super::machine::Machine;
use super::tokens::Tokens;
use super::{EncodeOptions, HuffmanTables, headers};
use std::borrow::Cow;

/// Symbols that are kept until the tables are made, at most: 4 MiB of them, a photograph of some four megapixels. A larger image
/// has the tables that fit its upper part, and a little those of the standard.
const MOST_TOKENS: usize = 1 << 20;

/// The state between strips.
pub(super) struct Scan {
    blocks: Blocks,
    /// Tokens, as long as there are no tables.
    tokens: Option<Tokens>,
    writer: Writer,
    machine: Machine,
}

/// Where bits go once there are tables.
struct Writer {
    cursor: Cursor,
    buffer: Buffer,
    /// For luma and chroma.
    codes: [Cow<'static, Codes>; 2],
}

/// From samples to blocks.
struct Blocks {
    /// For luma and chroma.
    quantizers: [Quantizer; 2],
    /// The means of the last blocks, by component.
    means: [i32; 3],
}

/// A row of MCUs.
struct StripSamples<'a> {
    layout: &'a Layout,
    /// By component, whole.
    planes: &'a [Vec<u8>],
    /// Of luma, that belong to the image.
    rows: usize,
}

impl Scan {
    /// With the headers that precede its data, as far as they are known.
    pub fn new(options: &EncodeOptions, layout: &Layout, machine: Machine, output: &mut Vec<u8>) -> Self {
        let tokens = match options.huffman {
            HuffmanTables::Standard => {
                headers::scan(output, layout, &STANDARD);
                None
            }
            HuffmanTables::Fitted => Some(Tokens::new()),
        };
        Self {
            blocks: Blocks { means: [0; 3], quantizers: [&options.luma, &options.chroma].map(Quantizer::new) },
            tokens,
            writer: Writer {
                cursor: Cursor::default(),
                buffer: Buffer::new(),
                codes: [&codes::LUMA, &codes::CHROMA].map(Cow::Borrowed),
            },
            machine,
        }
    }

    /// Appends a strip. `planes` are whole: as many rows as an MCU has, as long as the layout's stride; `rows` of those of luma
    /// belong to the image.
    pub fn code_strip(&mut self, layout: &Layout, planes: &[Vec<u8>], rows: usize, output: &mut Vec<u8>) {
        let strip = StripSamples { layout, planes, rows };
        let Some(tokens) = &mut self.tokens else {
            let Writer { cursor, buffer, codes: [luma, chroma] } = &mut self.writer;
            let mut sink = BitSink { cursor: *cursor, buffer, codes: [luma, chroma], output };
            self.blocks.code(self.machine, &strip, &mut sink);
            *cursor = sink.cursor;
            return;
        };
        let mut sink = tokens.sink();
        self.blocks.code(self.machine, &strip, &mut sink);
        sink.finish();
        if tokens.len() > MOST_TOKENS {
            self.settle(layout, true, output);
        }
    }

    /// Appends what is left.
    pub fn finish(mut self, layout: &Layout, output: &mut Vec<u8>) {
        self.settle(layout, false, output);
        self.writer.cursor.finish(&mut self.writer.buffer, output);
    }

    /// Makes the tables of what has come, and writes it. If `more` is to come, they have codes for everything.
    fn settle(&mut self, layout: &Layout, more: bool, output: &mut Vec<u8>) {
        let Some(tokens) = self.tokens.take() else { return };
        let mut occurrences = tokens.occurrences();
        if more {
            let tables = occurrences.as_flattened_mut().iter_mut().zip(STANDARD.as_flattened());
            tables.for_each(|(occurrences, standard)| expect(occurrences, standard));
        }
        let tables = occurrences.map(|classes| classes.map(|occurrences| fitted(&occurrences)));
        headers::scan(output, layout, &tables);
        let Writer { cursor, buffer, codes } = &mut self.writer;
        tokens.write(&tables, cursor, buffer, output);
        if more {
            *codes = tables.map(|[dc, ac]| Cow::Owned(Codes::new(&dc.counts, &dc.symbols, &ac.counts, &ac.symbols)));
        }
    }
}

impl Blocks {
    fn code(&mut self, machine: Machine, strip: &StripSamples<'_>, sink: &mut impl Sink) {
        match machine {
            Machine::Portable(portable) => self.code_with(portable, strip, sink),
            #[cfg(target_arch = "x86_64")]
            Machine::Avx2(avx2) => avx2.code(self, strip, sink),
            #[cfg(target_arch = "aarch64")]
            Machine::Neon(neon) => self.code_with(neon, strip, sink),
        }
    }

    /// [`Self::code`] with the machine known, to be inlined where its instructions may be used throughout.
    #[inline(always)]
    fn code_with(&mut self, transform: impl Transform, strip: &StripSamples<'_>, sink: &mut impl Sink) {
        let &StripSamples { layout, planes, rows } = strip;
        let mut pairs: [Pair; 3] = Default::default();
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
            sink.make_room();
            for place in layout.blocks {
                let component = &layout.components[place.component];
                let kind = place.component.min(1);
                let column = group * component.group_width / 8 + place.column;
                if column < component.blocks_across && place.row * 8 < rows {
                    code_block(sink, kind, &pairs[place.pair], place.of_pair, &mut self.means[place.component]);
                } else if layout.is_halved {
                    code_repeat(sink, kind);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// [`Blocks::code`] with this machine's instructions, those that count and shift bits included.
    #[allow(unsafe_code)]
    fn code(self, blocks: &mut Blocks, strip: &StripSamples<'_>, sink: &mut impl Sink) {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn inner(avx2: Avx2, blocks: &mut Blocks, strip: &StripSamples<'_>, sink: &mut impl Sink) {
            blocks.code_with(avx2, strip, sink);
        }
        // SAFETY: `self` says that the instructions are there.
        unsafe { inner(self, blocks, strip, sink) }
    }
}
