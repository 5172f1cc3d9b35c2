use std::str::FromStr;

use serde::Serialize;

use crate::Name;

/// The product as its customers know it.
#[derive(Clone, Debug, Serialize)]
pub struct Brand {
    product: Name,
    accent: Colour,
}

impl Brand {
    /// This name and this colour of buttons.
    pub fn new(product: &str, accent: Colour) -> Self {
        Self { product: Name::new(product), accent }
    }

    /// The product's name.
    pub fn product(&self) -> &str {
        self.product.as_str()
    }
}

/// A colour that a white text can be read on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Colour(String);

/// Why a text is no [`Colour`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColourError {
    /// Another form.
    #[error("write a colour as #rrggbb, such as #1d4ed8")]
    Form,
    #[error("white on this colour cannot be read (WCAG asks for a contrast of 4.5); use a darker one")]
    TooBright,
}

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(ColourError::Form)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ColourError::Form);
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| ColourError::Form)?;
        let [_, red, green, blue] = value.to_be_bytes();
        // <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>; white has the luminance 1
        let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
        if 1.05 / (luminance + 0.05) < 4.5 {
            return Err(ColourError::TooBright);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
fn linear(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_digits_and_dark_enough_for_white() {
        let colour = |text: &str| text.parse::<Colour>();
        assert_eq!(colour("#1D4ED8"), Ok(Colour("#1d4ed8".to_owned())));
        assert_eq!(colour("#767676"), Ok(Colour("#767676".to_owned())));
        assert_eq!(colour("#777777"), Err(ColourError::TooBright));
        for wrong in ["", "1d4ed8", "#1d4", "#1d4ed", "#1d4ed8;", "red", "#1d4eg8", "#+1d4ed", "#ééé"] {
            assert_eq!(colour(wrong), Err(ColourError::Form), "{wrong}");
        }
    }
}
