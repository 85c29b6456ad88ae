use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A finite number of the configuration, such as `1.5`. Unlike `f64` it can be compared and hashed in full, so that recipes
/// can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Real(f64);

impl Real {
    /// Zero.
    pub const ZERO: Real = Real(0.0);
    /// One.
    pub const ONE: Real = Real(1.0);

    /// A number that is known to be finite.
    ///
    /// # Panics
    /// When it is not; at compile time in a constant.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        assert!(value.is_finite(), "a Real is finite");
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Real {}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // 0 and -0 are equal, so they hash alike.
        (self.0 + 0.0).to_bits().hash(state);
    }
}

impl TryFrom<f64> for Real {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() { Ok(Self(value)) } else { Err(format!("`{value}` is not a finite number")) }
    }
}

impl From<Real> for f64 {
    fn from(value: Real) -> Self {
        value.0
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_whole_ones_are_numbers_too() {
        assert_eq!(serde_json::from_str::<Real>("2").map(Real::get).ok(), Some(2.0));
        assert!(Real::try_from(f64::NAN).is_err() && Real::try_from(f64::INFINITY).is_err());
    }
}
