use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An opaque sRGB colour, 8 bits a channel, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color {
    /// Red, gamma-encoded.
    pub red: u8,
    /// Green, gamma-encoded.
    pub green: u8,
    /// Blue, gamma-encoded.
    pub blue: u8,
}

impl Color {
    /// White, the default background.
    pub const WHITE: Color = Color { red: 255, green: 255, blue: 255 };
}

impl Default for Color {
    fn default() -> Self {
        Self::WHITE
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a colour; write it as \"#rrggbb\", for example \"#ffffff\"");
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl TryFrom<String> for Color {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_six_hex_digits() {
        assert_eq!("#ff8000".parse(), Ok(Color { red: 255, green: 128, blue: 0 }));
        assert_eq!(Color { red: 1, green: 2, blue: 3 }.to_string(), "#010203");
        for wrong in ["", "ffffff", "#fff", "#+12345", "#gggggg", "#ffffff0"] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong:?} was accepted");
        }
    }
}
