//! Moments as people say them.

use minilab_model::Timestamp;

/// How far `moment` is from `now`: `just now`, `5 minutes ago`, `in 40 seconds`.
pub fn relative(moment: Timestamp, now: Timestamp) -> String {
    let distance_ms = moment.as_millis() - now.as_millis();
    let seconds = distance_ms.unsigned_abs() / 1000;
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let amount = crate::progress::count(number, unit);
    match (seconds, distance_ms < 0) {
        (0, true) => "just now".to_owned(),
        (0, false) => "now".to_owned(),
        (_, true) => format!("{amount} ago"),
        (_, false) => format!("in {amount}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_rounded_down_to_one_unit() {
        let check = |seconds: i64, expected: &str| {
            let now = Timestamp::from_millis(1_795_176_000_000);
            assert_eq!(relative(Timestamp::from_millis(now.as_millis() + seconds * 1000), now), expected);
        };
        check(0, "now");
        check(40, "in 40 seconds");
        check(-1, "1 second ago");
        check(-119, "1 minute ago");
        check(-7200, "2 hours ago");
        check(3 * 86_400, "in 3 days");
    }
}
