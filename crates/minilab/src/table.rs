//! Columns for people.

use std::io::{self, Write};

/// Rows of text, printed in columns that are as wide as their widest entry.
pub struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with these column titles.
    pub fn new(titles: [&str; COLUMNS]) -> Self {
        Self { rows: vec![titles.map(str::to_owned)] }
    }

    /// Adds a row.
    pub fn push(&mut self, row: [String; COLUMNS]) {
        // A key may hold anything, also what moves a terminal's cursor.
        self.rows.push(row.map(|entry| printable(&entry)));
    }

    /// Prints all rows.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, entry) in widths.iter_mut().zip(row) {
                *width = (*width).max(entry.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (width, entry) in widths.iter().zip(row) {
                line.push_str(entry);
                line.extend(std::iter::repeat_n(' ', width - entry.chars().count() + 2));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The text without control characters: each is shown as Rust would write it.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
        shown
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_moves_the_cursor() {
        let mut table = Table::new(["ID", "FILE", "WHY"]);
        table.push(["7".to_owned(), "ä/b.jpg".to_owned(), "damaged".to_owned()]);
        table.push(["1234".to_owned(), "\u{1b}[2J\n".to_owned(), String::new()]);
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ID    FILE         WHY\n7     ä/b.jpg      damaged\n1234  \\u{1b}[2J\\n\n");
    }
}
