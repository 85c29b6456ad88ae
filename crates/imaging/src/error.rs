use minilab_model::{FailureKind, Format};
use std::fmt;

/// Names the longest side in a limit's message.
pub(crate) const SIDE: &str = "pixels on its longest side";

/// Why an image could not be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes are of no image format that is known here.
    #[error("the file is not an image: it holds {beginning}")]
    NotAnImage {
        /// What the first bytes look like: "text", "nothing at all", "a PDF document".
        beginning: String,
    },
    /// An image, but of a kind that cannot be decoded or made.
    #[error("{what} is not supported in {format} images")]
    Unsupported {
        /// The format.
        format: Format,
        /// The kind: "arithmetic coding", "decoding".
        what: String,
    },
    /// An image of a format that this build cannot decode.
    #[error("the file is {}; this build has no decoder for it{}", Article(*.format), Feature(*.format))]
    NoDecoder {
        /// The format.
        format: Format,
    },
    /// The source is over a limit; nothing was decoded.
    #[error("the image has {} {what}; the limit is {}", Grouped(*.actual), Grouped(*.limit))]
    LimitExceeded {
        /// What there is too much of: "pixels", "pixels on its longest side", "source bytes".
        what: &'static str,
        /// How much of it there is.
        actual: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// A variant would be over a limit; nothing was decoded.
    #[error("variant `{variant}` would have {} {what}; the limit is {}", Grouped(*.actual), Grouped(*.limit))]
    OutputLimitExceeded {
        /// Name of the variant.
        variant: String,
        /// What there would be too much of.
        what: &'static str,
        /// How much of it there would be.
        actual: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// The header goes on past the bytes that were given: read more of the file and try again.
    #[error("the image's header goes on past its first {} bytes", Grouped(*.available))]
    HeaderIncomplete {
        /// How many bytes were given.
        available: u64,
    },
    /// The file breaks the rules of its format.
    #[error("the {format} image is damaged: {detail}{}", At(*.offset))]
    Corrupt {
        /// The format.
        format: Format,
        /// What is wrong.
        detail: String,
        /// Where, in bytes from the start of the file, when known.
        offset: Option<u64>,
    },
    /// The engine contradicts itself: a fault of ours, not of the file.
    #[error("the image work went wrong: {detail}")]
    Internal {
        /// What happened.
        detail: String,
    },
    /// The time given for the work is over.
    #[error("the image work ran past its deadline")]
    Deadline,
    /// A step of a variant cannot be done on this image.
    #[error("variant `{variant}`: {step} is not possible: {detail}")]
    Step {
        /// Name of the variant.
        variant: String,
        /// Name of the step.
        step: &'static str,
        /// Why.
        detail: String,
    },
    /// A variant could not be encoded.
    #[error("variant `{variant}` cannot be encoded as {format}: {detail}")]
    Encode {
        /// Name of the variant.
        variant: String,
        /// The output format.
        format: Format,
        /// What the encoder said.
        detail: String,
    },
}

impl ImageError {
    /// Whether trying again can help. Only a missed deadline can: everything else lies in the bytes or the recipe.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Deadline => FailureKind::Retryable,
            _ => FailureKind::Permanent,
        }
    }

    pub(crate) fn corrupt(format: Format, detail: impl Into<String>) -> Self {
        Self::Corrupt { format, detail: detail.into(), offset: None }
    }

    pub(crate) fn corrupt_at(format: Format, detail: impl Into<String>, offset: usize) -> Self {
        Self::Corrupt { format, detail: detail.into(), offset: Some(offset as u64) }
    }

    /// The resizer refuses only sizes that do not fit together.
    pub(crate) fn resizer(detail: String) -> Self {
        Self::Internal { detail: format!("it cannot be resized: {detail}") }
    }

    pub(crate) fn unsupported(format: Format, what: impl Into<String>) -> Self {
        Self::Unsupported { format, what: what.into() }
    }

    /// For formats whose decoder this build was made without.
    #[cfg_attr(
        all(feature = "avif", feature = "heic", feature = "jxl", feature = "svg"),
        allow(dead_code, reason = "there is a decoder for every format")
    )]
    pub(crate) fn no_decoder(format: Format) -> Self {
        Self::NoDecoder { format }
    }

    /// `Err` when `actual` is more than `limit`.
    pub(crate) fn check_limit(what: &'static str, actual: u64, limit: u64) -> Result<(), Self> {
        if actual > limit { Err(Self::LimitExceeded { what, actual, limit }) } else { Ok(()) }
    }
}

/// Shows a number with a comma between thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Shows a format as "an HEIC image".
struct Article(Format);

impl fmt::Display for Article {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str().to_ascii_uppercase();
        // Letters that are named with a vowel: HEIC and SVG, not JXL.
        let article = if name.starts_with(['A', 'E', 'F', 'H', 'I', 'S']) { "an" } else { "a" };
        write!(f, "{article} {name} image")
    }
}

/// Shows which feature of a build has the decoder, where one has.
struct Feature(Format);

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Format::Avif | Format::Heic | Format::Jxl | Format::Svg => write!(f, " (the feature `{}`)", self.0),
            _ => Ok(()),
        }
    }
}

/// Shows an offset when there is one.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(offset) => write!(f, " (at byte {})", Grouped(offset)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: ImageError, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn messages_name_the_subject_and_the_numbers() {
        check(
            ImageError::LimitExceeded { what: "pixels", actual: 2_500_000_000, limit: 100_000_000 },
            "the image has 2,500,000,000 pixels; the limit is 100,000,000",
        );
        check(
            ImageError::LimitExceeded { what: SIDE, actual: 50_000, limit: 999 },
            "the image has 50,000 pixels on its longest side; the limit is 999",
        );
        check(
            ImageError::OutputLimitExceeded { variant: "big".to_owned(), what: SIDE, actual: 20_000, limit: 16_383 },
            "variant `big` would have 20,000 pixels on its longest side; the limit is 16,383",
        );
        check(
            ImageError::corrupt_at(Format::Jpeg, "the scan ends early", 8213),
            "the jpeg image is damaged: the scan ends early (at byte 8,213)",
        );
        check(
            ImageError::no_decoder(Format::Heic),
            "the file is an HEIC image; this build has no decoder for it (the feature `heic`)",
        );
        check(ImageError::no_decoder(Format::Jxl), "the file is a JXL image; this build has no decoder for it (the feature `jxl`)");
        check(
            ImageError::NotAnImage { beginning: "nothing at all".to_owned() },
            "the file is not an image: it holds nothing at all",
        );
    }

    #[test]
    fn only_a_deadline_is_worth_another_try() {
        assert_eq!(ImageError::Deadline.kind(), FailureKind::Retryable);
        assert_eq!(ImageError::corrupt(Format::Png, "x").kind(), FailureKind::Permanent);
    }
}
