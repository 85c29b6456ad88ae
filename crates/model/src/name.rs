use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a bucket name or an object key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The bucket name breaks a rule of S3's naming.
    #[error("`{name}` cannot be a bucket name: {reason}")]
    Bucket {
        /// The refused name.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The key is empty.
    #[error("an object key needs at least one byte")]
    EmptyKey,
    /// The key is too long.
    #[error("the object key has {bytes} bytes; the limit is {}", ObjectKey::MAX_BYTES)]
    LongKey {
        /// Length of the refused key in bytes of UTF-8.
        bytes: usize,
    },
}

/// A bucket's name: 3 to 63 characters of lower-case letters, digits, `-` and `.`, starting and ending with a
/// letter or digit, no two dots in a row and not shaped like an IPv4 address.
///
/// Source: "Bucket naming rules", Amazon S3 User Guide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

impl BucketName {
    /// Checks `name` against the naming rules.
    ///
    /// # Errors
    /// [`NameError::Bucket`] names the rule that is broken.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let refuse = |reason| Err(NameError::Bucket { name: name.clone(), reason });
        let ends_well = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(3..=63).contains(&name.len()) {
            return refuse("it must have 3 to 63 characters");
        }
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.') {
            return refuse("only lower-case letters, digits, `-` and `.` are allowed");
        }
        if !ends_well(name.bytes().next()) || !ends_well(name.bytes().next_back()) {
            return refuse("it must start and end with a letter or digit");
        }
        if name.contains("..") {
            return refuse("two dots in a row are not allowed");
        }
        if name.split('.').count() == 4 && name.split('.').all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
            return refuse("it must not look like an IP address");
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object's key: 1 to 1,024 bytes of UTF-8. Never a path: `../`, `//` and the like are ordinary characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The longest key, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;

    /// Checks the length of `key`.
    ///
    /// # Errors
    /// [`NameError::EmptyKey`] or [`NameError::LongKey`].
    pub fn new(key: impl Into<String>) -> Result<Self, NameError> {
        let key = key.into();
        match key.len() {
            0 => Err(NameError::EmptyKey),
            bytes if bytes > Self::MAX_BYTES => Err(NameError::LongKey { bytes }),
            _ => Ok(Self(key)),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last `/`, without it; empty when there is none.
    #[must_use]
    pub fn dir(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(dir, _)| dir)
    }

    /// What stands after the last `/`: `photo.jpg` of `input/photo.jpg`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The name without its last extension: `photo` of `input/photo.jpg`. A leading dot starts no extension.
    #[must_use]
    pub fn stem(&self) -> &str {
        match self.name().rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => self.name(),
        }
    }

    /// The last extension of the name, without its dot: `jpg` of `input/photo.jpg`.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        match self.name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => Some(extension),
            _ => None,
        }
    }
}

/// One object: a key in a bucket, written `bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: BucketName,
    /// The key in it.
    pub key: ObjectKey,
}

impl ObjectRef {
    /// An object by its two parts.
    #[must_use]
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self { bucket, key }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

impl FromStr for ObjectRef {
    type Err = NameError;

    /// Reads `bucket/key`; a bucket name has no `/`, so the first one ends it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bucket, key) = text.split_once('/').ok_or(NameError::EmptyKey)?;
        Ok(Self { bucket: BucketName::new(bucket)?, key: ObjectKey::new(key)? })
    }
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_newtype!(BucketName);
text_newtype!(ObjectKey);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_s3() {
        for good in ["photos", "a-b.c", "123", &"x".repeat(63)] {
            assert!(BucketName::new(good).is_ok(), "{good:?} was refused");
        }
        for bad in ["", "ab", "Photos", "a_b", "-ab", "ab-", ".ab", "a..b", "192.168.0.1", "über", &"x".repeat(64)] {
            assert!(BucketName::new(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn keys_are_split_like_names_but_never_normalised() {
        let check = |key: &str, dir: &str, name: &str, stem: &str, extension: Option<&str>| {
            let parsed = ObjectKey::new(key).unwrap();
            assert_eq!((parsed.dir(), parsed.name(), parsed.stem(), parsed.extension()), (dir, name, stem, extension), "{key}");
        };
        check("input/a/photo.tar.jpg", "input/a", "photo.tar.jpg", "photo.tar", Some("jpg"));
        check("photo", "", "photo", "photo", None);
        check("../x/.hidden", "../x", ".hidden", ".hidden", None);
        check("dir/", "dir", "", "", None);
        check("a.", "", "a.", "a", None);
    }

    #[test]
    fn keys_have_1_to_1024_bytes() {
        assert_eq!(ObjectKey::new(""), Err(NameError::EmptyKey));
        assert!(ObjectKey::new("é".repeat(512)).is_ok());
        assert_eq!(ObjectKey::new("x".repeat(1025)), Err(NameError::LongKey { bytes: 1025 }));
    }
}
