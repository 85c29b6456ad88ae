//! What the headers say about an image.

/// The coding process of a JPEG, of those that use Huffman codes and the DCT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SOF0: sequential, 8 bits, two tables of each class.
    Baseline,
    /// SOF1: sequential, 8 or 12 bits, four tables of each class.
    Extended,
    /// SOF2: spectral selection and successive approximation.
    Progressive,
}

/// How the components of a pixel are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorModel {
    /// One component: luma.
    Grey,
    /// Three components: luma and two colour differences, full range, as JFIF says (BT.601).
    YCbCr,
    /// Three components: red, green, blue.
    Rgb,
    /// Four components: inks.
    Cmyk,
    /// Four components: the first three inks as YCbCr, and black.
    Ycck,
}

/// Sampling factors of one component, each 1 to 4.
///
/// A component has `horizontal / max(horizontal)` of the image's samples in a row, and the same
/// downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Blocks across in one MCU.
    pub horizontal: u8,
    /// Blocks down in one MCU.
    pub vertical: u8,
}

/// The facts of the frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Pixels across, 1 to 65,535, as stored (EXIF orientation is not looked at).
    pub width: u32,
    /// Pixels down, 1 to 65,535.
    pub height: u32,
    /// The coding process.
    pub kind: Kind,
    /// Bits per sample: 8, or 12 in extended and progressive files.
    pub precision: u8,
    /// Components per pixel: 1, 3 or 4.
    pub components: u8,
    /// Sampling factors, one for each component, in frame order.
    pub sampling: Vec<Sampling>,
    /// The colour model: by JFIF or Adobe marker, else by the components' ids.
    pub color_model: ColorModel,
}
