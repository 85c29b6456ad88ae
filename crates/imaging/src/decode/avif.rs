//! AVIF: AV1 stills, decoded by rav1d.

use super::{DecodeOptions, Decoded, heif};
use crate::error::ImageError;
use crate::header::Header;
use crate::header::heif::Nclx;
use crate::header::items::Items;
use crate::picture::Sample;
use crate::yuv::{Chroma, Planes};
use minilab_model::Format;
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Plane, Settings};

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    match header.bit_depth {
        8 => pixels::<u8>(source, header, options),
        _ => pixels::<u16>(source, header, options),
    }
}

fn pixels<S: Sample>(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let items = Items::read(source, Format::Avif)?;
    heif::decode::<S, Still>(source, &items, header, options, &|item, size| still(&items.bytes(source, item)?, size))
}

/// A decoded still.
struct Still {
    picture: Picture,
    planes: Vec<Plane>,
}

impl Still {
    fn chroma(&self) -> Chroma {
        match self.picture.pixel_layout() {
            PixelLayout::I400 => Chroma::None,
            PixelLayout::I420 => Chroma::HalfBoth,
            PixelLayout::I422 => Chroma::HalfAcross,
            PixelLayout::I444 => Chroma::Full,
        }
    }

    fn bits(&self) -> u32 {
        self.picture.bits_per_component().map_or(8, |bits| bits.0 as u32)
    }
}

impl heif::Tile for Still {
    fn planes(&self) -> Planes<'_> {
        let plane = |index: usize| self.planes.get(index).map_or(&[][..], |plane| plane.as_ref());
        let stride = |component| self.picture.stride(component) as usize;
        Planes {
            data: [plane(0), plane(1), plane(2)],
            strides: [stride(PlanarImageComponent::Y), stride(PlanarImageComponent::U)],
            size: (self.picture.width() as usize, self.picture.height() as usize),
            chroma: self.chroma(),
            bits: self.bits(),
        }
    }

    fn colors(&self) -> Nclx {
        Nclx {
            primaries: self.picture.color_primaries() as u16,
            transfer: self.picture.transfer_characteristic() as u16,
            matrix: self.picture.matrix_coefficients() as u16,
            full_range: self.is_alpha_full_range(),
        }
    }

    fn is_alpha_full_range(&self) -> bool {
        self.picture.color_range() == re_rav1d::dav1d::pixel::YUVRange::Full
    }
}

/// Decodes one still of the size that is stated.
fn still(data: &[u8], (width, height): (u32, u32)) -> Result<Still, ImageError> {
    let corrupt = |detail: String| ImageError::corrupt(Format::Avif, detail);
    let failed = |error: Error| match error {
        Error::NotEnoughMemory => corrupt("its data takes more memory than its size does".to_owned()),
        Error::UnsupportedBitstream => ImageError::unsupported(Format::Avif, "this kind of AV1 data"),
        Error::Again => corrupt("its data ends early".to_owned()),
        _ => corrupt("its data cannot be decoded".to_owned()),
    };
    if data.is_empty() {
        return Err(corrupt("its data is missing".to_owned()));
    }
    let mut settings = Settings::new();
    // The image work itself is spread over images; a decoder's own threads could not be bounded.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    // In pixels. The stream states a size of its own, by which the decoder allocates.
    settings.set_frame_size_limit(u32::try_from(u64::from(width) * u64::from(height)).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(failed)?;
    match decoder.send_data(data.to_vec(), None, None, None) {
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(failed(error)),
    }
    let picture = decoder.get_picture().map_err(failed)?;
    if (picture.width(), picture.height()) != (width, height) {
        let detail = format!("its data is of {}×{} pixels, not of {width}×{height}", picture.width(), picture.height());
        return Err(corrupt(detail));
    }
    let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
    let count = if picture.pixel_layout() == PixelLayout::I400 { 1 } else { 3 };
    let planes = components.into_iter().take(count).map(|component| picture.plane(component)).collect();
    Ok(Still { picture, planes })
}
