//! stub
use minilab_model::*;
pub const ENGINE_VERSION: &str = "1";
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("a")]
    NotAnImage { beginning: String },
    #[error("l")]
    LimitExceeded { what: &'static str, actual: u64, limit: u64 },
    #[error("h")]
    HeaderIncomplete {},
}
impl ImageError {
    pub fn kind(&self) -> FailureKind {
        FailureKind::Permanent
    }
}
pub struct Header;
pub fn read_header(_: &[u8], _: &DecodeLimits) -> Result<Header, ImageError> {
    Ok(Header)
}
pub fn estimate(_: &Header, _: u64, _: &[VariantSpec]) -> u64 {
    0
}
pub struct RenderOptions<'a> {
    pub limits: &'a Limits,
    pub record_gps: bool,
    pub deadline: Option<std::time::Instant>,
}
#[derive(Debug)]
pub struct Output {
    pub name: String,
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}
#[derive(Debug)]
pub struct Rendered {
    pub metadata: ImageMetadata,
    pub outputs: Vec<Output>,
    pub warnings: Vec<String>,
}
pub fn render(_: &[u8], _: &[VariantSpec], _: &RenderOptions) -> Result<Rendered, ImageError> {
    Err(ImageError::HeaderIncomplete {})
}
