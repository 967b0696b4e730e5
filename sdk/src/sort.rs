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

    /// Orders rows by what `key` gives for the field. Absent values come last either way; equal ones are ordered by
    /// `id`.
    pub fn apply<T>(
        &self,
        rows: &mut [T],
        key: impl Fn(&T, &str) -> Option<String>,
        id: impl Fn(&T) -> &str,
    ) {
        rows.sort_by(|a, b| {
            let order = match (key(a, &self.field), key(b, &self.field)) {
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
}
