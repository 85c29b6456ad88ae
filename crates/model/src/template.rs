use crate::{Format, NameError, ObjectKey, OutputFormat};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Why a key template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A field that does not exist.
    #[error(
        "the key template `{template}` has an unknown field {{{field}}}; known are {{key}} {{dir}} {{name}} {{stem}} {{ext}} {{etag}} {{variant}} {{width}} {{height}} {{format}}"
    )]
    UnknownField {
        /// The whole template.
        template: String,
        /// The unknown field.
        field: String,
    },
    /// A brace without its partner.
    #[error("the key template `{template}` has a `{{` or `}}` without its partner")]
    Unbalanced {
        /// The whole template.
        template: String,
    },
    /// Nothing at all.
    #[error("the key template is empty")]
    Empty,
}

/// A destination key with fields in braces, such as `output/{stem}_thumbnail.{ext}`. Parsed once, when the rules are
/// loaded.
///
/// `{key}` is the source key, `{dir}` what stands before its last `/`, `{name}` what follows it, `{stem}` the name
/// without extension, `{ext}` the extension of the output format (for a variant that keeps the source's format: the
/// source's own extension, where it fits that format), `{etag}` the source's ETag, `{variant}` the variant's name,
/// `{width}`, `{height}` and `{format}` those of the variant. When `{dir}` is empty, the `/` after it goes too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Key,
    Dir,
    Name,
    Stem,
    Ext,
    Etag,
    Variant,
    Width,
    Height,
    Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    Field(Field),
}

/// What the fields of a template stand for.
#[derive(Debug, Clone, Copy)]
pub struct TemplateFields<'a> {
    /// The source's key.
    pub source: &'a ObjectKey,
    /// The source's ETag, without quotes.
    pub etag: &'a str,
    /// The variant's name.
    pub variant: &'a str,
    /// The variant's format, when it is an image.
    pub format: Option<Format>,
    /// The variant's width in pixels, when it is an image.
    pub width: Option<u32>,
    /// The variant's height in pixels.
    pub height: Option<u32>,
}

impl TemplateFields<'_> {
    /// The extension that the output is given. A source's own spelling is kept where it names the same format
    /// (`.JPG`, `.jpeg`); what is no image keeps what it has.
    fn extension(&self) -> &str {
        let own = self.source.extension();
        match (self.format, own) {
            (Some(format), Some(own)) if names_format(own, format) => own,
            (Some(format), _) => format.extension(),
            (None, own) => own.unwrap_or("bin"),
        }
    }
}

fn names_format(extension: &str, format: Format) -> bool {
    extension.eq_ignore_ascii_case(format.extension())
        || (format == Format::Jpeg && ["jpeg", "jpe", "jfif"].iter().any(|other| extension.eq_ignore_ascii_case(other)))
}

impl KeyTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`] names the field or brace that is wrong.
    pub fn new(text: impl Into<String>) -> Result<Self, TemplateError> {
        let text = text.into();
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let literal_end = rest.find(['{', '}']).unwrap_or(rest.len());
            if literal_end > 0 {
                parts.push(Part::Literal(rest[..literal_end].to_owned()));
                rest = &rest[literal_end..];
                continue;
            }
            let unbalanced = || TemplateError::Unbalanced { template: text.clone() };
            let inside = rest.strip_prefix('{').ok_or_else(unbalanced)?;
            let (field, after) = inside.split_once('}').ok_or_else(unbalanced)?;
            let field = Field::from_name(field)
                .ok_or_else(|| TemplateError::UnknownField { template: text.clone(), field: field.to_owned() })?;
            parts.push(Part::Field(field));
            rest = after;
        }
        Ok(Self { text, parts })
    }

    /// The destination key for one variant of one source.
    ///
    /// # Errors
    /// [`NameError`] when the key that results is empty or longer than 1,024 bytes.
    pub fn expand(&self, fields: &TemplateFields<'_>, output: OutputFormat) -> Result<ObjectKey, NameError> {
        let mut key = String::with_capacity(self.text.len() + fields.source.as_str().len());
        let mut swallow_slash = false;
        for part in &self.parts {
            match part {
                Part::Literal(text) if swallow_slash => key.push_str(text.strip_prefix('/').unwrap_or(text)),
                Part::Literal(text) => key.push_str(text),
                Part::Field(field) => field.write(fields, output, &mut key),
            }
            swallow_slash = matches!(part, Part::Field(Field::Dir)) && fields.source.dir().is_empty();
        }
        ObjectKey::new(key)
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Field {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "key" => Self::Key,
            "dir" => Self::Dir,
            "name" => Self::Name,
            "stem" => Self::Stem,
            "ext" => Self::Ext,
            "etag" => Self::Etag,
            "variant" => Self::Variant,
            "width" => Self::Width,
            "height" => Self::Height,
            "format" => Self::Format,
            _ => return None,
        })
    }

    fn write(self, fields: &TemplateFields<'_>, output: OutputFormat, key: &mut String) {
        let number = |value: Option<u32>| value.map_or_else(|| "0".to_owned(), |value| value.to_string());
        match self {
            Self::Key => key.push_str(fields.source.as_str()),
            Self::Dir => key.push_str(fields.source.dir()),
            Self::Name => key.push_str(fields.source.name()),
            Self::Stem => key.push_str(fields.source.stem()),
            // A fixed output format always has its one extension, so that the key is the same whatever the source is called.
            Self::Ext => key.push_str(match output.fixed() {
                Some(format) => format.extension(),
                None => fields.extension(),
            }),
            Self::Etag => key.push_str(fields.etag),
            Self::Variant => key.push_str(fields.variant),
            Self::Width => key.push_str(&number(fields.width)),
            Self::Height => key.push_str(&number(fields.height)),
            Self::Format => key.push_str(fields.format.map_or("unknown", Format::as_str)),
        }
    }
}

impl PartialEq for KeyTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for KeyTemplate {}

impl Hash for KeyTemplate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for KeyTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<KeyTemplate> for String {
    fn from(template: KeyTemplate) -> Self {
        template.text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand() {
        let check = |template: &str, source: &str, output: OutputFormat, expected: &str| {
            let source = ObjectKey::new(source).unwrap();
            let fields = TemplateFields {
                source: &source,
                etag: "e7",
                variant: "thumb",
                format: output.fixed().or(Some(Format::Jpeg)),
                width: Some(128),
                height: Some(72),
            };
            let key = KeyTemplate::new(template).unwrap().expand(&fields, output).unwrap();
            assert_eq!(key.as_str(), expected, "{template}");
        };
        check("output/{stem}_thumbnail.{ext}", "input/a.jpeg", OutputFormat::Jpeg, "output/a_thumbnail.jpg");
        check("resized/{key}", "in/a b.JPG", OutputFormat::Keep, "resized/in/a b.JPG");
        check("{dir}/{variant}-{width}x{height}/{stem}.{ext}", "in/x/a.JPEG", OutputFormat::Keep, "in/x/thumb-128x72/a.JPEG");
        check("{dir}/t/{name}", "a.png", OutputFormat::Keep, "t/a.png");
        check("{stem}.{ext}", "a.png", OutputFormat::Keep, "a.jpg");
        check("{etag}.{format}", "a.png", OutputFormat::Webp, "e7.webp");
    }

    #[test]
    fn wrong_templates_are_named() {
        let unknown = KeyTemplate::new("x/{stme}.jpg").unwrap_err();
        assert!(unknown.to_string().contains("{stme}"), "{unknown}");
        for wrong in ["", "a{stem", "a}b", "{", "{}", "{{stem}}"] {
            assert!(KeyTemplate::new(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
