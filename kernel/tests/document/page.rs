//! Reading the page: tables and code blocks behind a mark.

const TEXT: &str = include_str!("../../../docs/protocol.md");
const MARK: &str = "<!-- checked: ";

/// The page, cut at its marks.
pub(crate) struct Page(Vec<(&'static str, &'static str)>);

impl Page {
    pub(crate) fn read() -> Self {
        let parts = TEXT.split(MARK).skip(1);
        Self(parts.map(|part| part.split_once(" -->\n").unwrap()).collect())
    }

    pub(crate) fn marks(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    fn part(&self, mark: &str) -> &'static str {
        self.0.iter().find(|(name, _)| *name == mark).unwrap().1
    }

    /// The cells of the table behind a mark, row by row, without its head.
    pub(crate) fn table(&self, mark: &str) -> Vec<Vec<&'static str>> {
        let lines = self.part(mark).lines().take_while(|line| line.starts_with('|'));
        let rows: Vec<Vec<_>> = lines
            .skip(2)
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert!(!rows.is_empty(), "no table behind {mark}");
        rows
    }

    /// The lines of the code block behind a mark as (what, values). A line without a colon goes on
    /// with the values of the one above it.
    pub(crate) fn block(&self, mark: &str) -> Vec<(&'static str, String)> {
        let code = self.part(mark).strip_prefix("```text\n").unwrap();
        let mut entries: Vec<(&str, String)> = Vec::new();
        for line in code.split_once("```").unwrap().0.lines() {
            match line.rsplit_once(':') {
                Some((what, values)) => entries.push((what.trim(), values.trim().to_owned())),
                None if entries.is_empty() => entries.push(("", line.to_owned())),
                None => {
                    let (_, values) = entries.last_mut().unwrap();
                    *values += " ";
                    *values += line.trim();
                }
            }
        }
        entries
    }
}

/// Decimal or, behind `0x`, hexadecimal.
pub(crate) fn number(cell: &str) -> u64 {
    match cell.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
        None => cell.parse().unwrap(),
    }
}

/// Decimal numbers between spaces.
pub(crate) fn numbers(values: &str) -> Vec<i64> {
    values.split_whitespace().map(|value| value.parse().unwrap()).collect()
}

/// Hexadecimal digits, spaces left out.
pub(crate) fn bytes(values: &str) -> Vec<u8> {
    let digits: String = values.split_whitespace().collect();
    assert!(digits.len().is_multiple_of(2), "{digits}");
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

pub(crate) fn array<const L: usize>(values: &str) -> [u8; L] {
    bytes(values).try_into().unwrap()
}

pub(crate) fn wide<V: Copy + Into<i64>>(values: &[V]) -> Vec<i64> {
    values.iter().map(|&value| value.into()).collect()
}
