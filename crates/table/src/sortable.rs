use primitives::Timestamp;

/// The time as text of one length, so that text order is time order: `2026-11-23T00:00:00.000Z`.
pub fn sortable(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sortable_times_sort() {
        let at = |milliseconds| sortable(Timestamp::from_millisecond(milliseconds).unwrap());
        assert_eq!(at(1_795_392_000_000), "2026-11-23T00:00:00.000Z");
        assert!(
            at(1_795_392_000_000) < at(1_795_392_000_001) && at(1_795_392_000_999) < at(1_795_392_001_000)
        );
    }
}
