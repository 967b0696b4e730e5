//! The option `--sort FIELD[:asc|desc]` of lists.

use std::cmp::Ordering;

/// An order of rows: a field and a direction. Declared with [`crate::Spec::sort`].
///
/// ```
/// # use astro_plugin_sdk::Sort;
/// let mut rows = vec![("b", 2), ("a", 1)];
/// Sort::by("name").apply(&mut rows, |row, _| Some(row.0.to_owned()), |row| row.0);
/// assert_eq!(rows[0].0, "a");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    field: String,
    descending: bool,
}

impl std::str::FromStr for Sort {
    type Err = String;

    /// Reads any field; which ones there are is declared in [`crate::Spec::sort`].
    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| "is not a sort order".to_owned())
    }
}

impl Sort {
    /// Upwards by a field.
    pub fn by(field: &str) -> Self {
        Self { field: field.to_owned(), descending: false }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let (field, descending) = match text.split_once(':') {
            None => (text, false),
            Some((field, "asc")) => (field, false),
            Some((field, "desc")) => (field, true),
            Some(_) => return None,
        };
        Some(Self { field: field.to_owned(), descending })
    }

    pub(crate) fn is_one_of(&self, fields: &[&str]) -> bool {
        fields.contains(&self.field.as_str())
    }

    /// Orders rows by what `key` gives for the field: a text, a number, or [`SortKey::time`]. Absent values come last
    /// either way; equal ones are ordered by `id`.
    ///
    /// ```
    /// # use astro_plugin_sdk::{Sort, SortKey};
    /// let mut rows = vec![("a", 10), ("b", 9)];
    /// let key = |row: &(&str, i64), field: &str| match field {
    ///     "times" => Some(SortKey::from(row.1)),
    ///     _ => Some(SortKey::from(row.0)),
    /// };
    /// Sort::by("times").apply(&mut rows, key, |row| row.0);
    /// assert_eq!(rows[0].0, "b");
    /// ```
    pub fn apply<T, K: Into<SortKey>>(
        &self,
        rows: &mut [T],
        key: impl Fn(&T, &str) -> Option<K>,
        id: impl Fn(&T) -> &str,
    ) {
        let key = |row: &T| key(row, &self.field).map(Into::<SortKey>::into);
        rows.sort_by(|a, b| {
            let order = match (key(a), key(b)) {
                (Some(a), Some(b)) if self.descending => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            order.then_with(|| id(a).cmp(id(b)))
        });
    }
}

/// What a row is ordered by. Numbers are ordered as numbers, texts as texts, and where a field has both, numbers come
/// first.
///
/// ```
/// # use astro_plugin_sdk::SortKey;
/// assert!(SortKey::from(9) < SortKey::from(10));
/// assert!(SortKey::time("2026-01-31T12:00:00Z") < SortKey::time("2026-01-31T12:00:00.5Z"));
/// ```
#[derive(Debug, Clone)]
pub struct SortKey(Key);

#[derive(Debug, Clone)]
enum Key {
    Whole(i128),
    Fraction(f64),
    Text(String),
}

impl SortKey {
    /// An RFC 3339 time in UTC, as the API gives it. As a text `12:00:00.5Z` would come before `12:00:00Z`.
    pub fn time(text: &str) -> Self {
        let (seconds, fraction) = match text.strip_suffix('Z').map(|text| text.split_once('.')) {
            Some(Some((seconds, fraction))) => (seconds, fraction),
            Some(None) => (text.trim_end_matches('Z'), ""),
            None => return text.into(),
        };
        Self(Key::Text(format!("{seconds}.{}", fraction.trim_end_matches('0'))))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // A whole number that large has no neighbours among the others.
        #[expect(clippy::cast_precision_loss, reason = "only beside a number with a fraction")]
        let float = |whole: i128| whole as f64;
        match (&self.0, &other.0) {
            (Key::Whole(a), Key::Whole(b)) => a.cmp(b),
            (Key::Fraction(a), Key::Fraction(b)) => a.total_cmp(b),
            (Key::Whole(a), Key::Fraction(b)) => float(*a).total_cmp(b),
            (Key::Fraction(a), Key::Whole(b)) => a.total_cmp(&float(*b)),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (Key::Text(_), _) => Ordering::Greater,
            (_, Key::Text(_)) => Ordering::Less,
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortKey {}

impl From<String> for SortKey {
    fn from(text: String) -> Self {
        Self(Key::Text(text))
    }
}

impl From<&str> for SortKey {
    fn from(text: &str) -> Self {
        Self(Key::Text(text.to_owned()))
    }
}

macro_rules! numbers {
    ($($number:ty => $kind:ident($to:ty)),+) => {
        $(impl From<$number> for SortKey {
            fn from(number: $number) -> Self {
                Self(Key::$kind(number as $to))
            }
        })+
    };
}

numbers! {
    i32 => Whole(i128), u32 => Whole(i128), i64 => Whole(i128), u64 => Whole(i128), usize => Whole(i128),
    f32 => Fraction(f64), f64 => Fraction(f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        assert_eq!(Sort::read("name:desc"), Some(Sort { field: "name".into(), descending: true }));
        for text in ["name:up", "name:"] {
            assert_eq!(Sort::read(text), None, "{text}");
        }
        assert!(!Sort::by("").is_one_of(&["name"]));
    }

    #[test]
    fn absent_values_come_last_either_way() {
        for (order, expected) in [("x", "bca"), ("x:desc", "cba")] {
            let mut rows = [("a", None), ("b", Some("1")), ("c", Some("2"))];
            let sort = Sort::read(order).expect("an order");
            sort.apply(&mut rows, |row, _| row.1.map(str::to_owned), |row| row.0);
            assert_eq!(rows.map(|row| row.0).concat(), expected, "{order}");
        }
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_times_as_times() {
        let ordered = |keys: &[SortKey]| keys.windows(2).all(|pair| pair[0] < pair[1]);
        let whole: Vec<SortKey> = [-3i64, 0, 9, 10, 100].map(SortKey::from).to_vec();
        assert!(ordered(&whole));
        assert!(ordered(&[SortKey::from(-0.5), 0u32.into(), 0.5.into(), 9usize.into(), 10.0f32.into()]));
        assert!(ordered(&[SortKey::from(u64::MAX), "10".into(), "9".into(), String::from("a").into()]));
        assert!(ordered(
            &[
                "2026-01-31T12:00:00Z",
                "2026-01-31T12:00:00.05Z",
                "2026-01-31T12:00:00.5Z",
                "2026-01-31T12:00:01Z",
            ]
            .map(SortKey::time)
        ));
        assert_eq!(SortKey::time("2026-01-31T12:00:00Z"), SortKey::time("2026-01-31T12:00:00.000Z"));
        assert_eq!(SortKey::time("soon"), SortKey::from("soon"));
        let mut rows = [("a", 10), ("b", 9), ("c", 100)];
        Sort::read("x:desc").expect("an order").apply(&mut rows, |row, _| Some(row.1), |row| row.0);
        assert_eq!(rows.map(|row| row.0).concat(), "cab");
    }
}
