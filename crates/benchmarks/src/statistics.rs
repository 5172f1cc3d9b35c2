//! Medians and spreads.

/// Some measurements of one thing, in order of size.
#[derive(Clone, Debug)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which this share of the measurements lies: 0.5 is the median. Not a number
    /// where nothing was measured.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a list of some thousand"
    )]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let place = (share * last as f64).round() as usize;
        self.0.get(place.min(last)).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// How many times as large the first is, for each pair that was measured together.
pub(crate) fn ratios(first: &[f64], second: &[f64]) -> Sample {
    Sample::new(first.iter().zip(second).map(|(first, second)| first / second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_places_in_the_order_of_size() {
        let sample = Sample::new([5.0, 1.0, 3.0, 2.0, 4.0]);
        assert!((sample.median() - 3.0).abs() < f64::EPSILON);
        assert!((sample.quantile(0.25) - 2.0).abs() < f64::EPSILON);
        assert!((sample.quantile(0.99) - 5.0).abs() < f64::EPSILON);
        assert!(Sample::new([]).median().is_nan());
    }

    #[test]
    fn ratios_are_of_pairs() {
        let ratios = ratios(&[2.0, 9.0, 4.0], &[1.0, 3.0, 4.0]);
        assert!((ratios.median() - 2.0).abs() < f64::EPSILON);
    }
}
