//! What is kept of what a receiver said: short, printable, without secrets.

/// Most bytes of a detail.
pub(crate) const MOST_BYTES: usize = 512;

/// One line of at most [`MOST_BYTES`]: control characters become spaces, each of `hidden` an ellipsis.
pub(crate) fn clean(text: &str, hidden: &[String]) -> String {
    let mut hidden: Vec<&str> = hidden.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    // The longest first, so that no part of one is left by another.
    hidden.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let mut text = text.to_owned();
    for part in hidden {
        // What is as short as this is in every text, and no secret.
        if part.len() >= 4 {
            text = text.replace(part, "…");
        }
    }
    let words: Vec<&str> =
        text.split(|letter: char| letter.is_control() || letter.is_whitespace()).filter(|word| !word.is_empty()).collect();
    shorten(words.join(" "))
}

fn shorten(mut text: String) -> String {
    if text.len() > MOST_BYTES {
        text.truncate(text.floor_char_boundary(MOST_BYTES - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors print their source themselves.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_short_and_hold_no_secret() {
        let hidden = ["token=s3cret".to_owned(), "s3cret".to_owned(), "a".to_owned()];
        assert_eq!(clean("no\r\n such\u{1b}[31m token=s3cret, s3cret a", &hidden), "no such [31m …, … a");
        let long = clean(&"ü".repeat(1000), &[]);
        assert!(long.len() <= MOST_BYTES && long.ends_with('…'));
    }
}
