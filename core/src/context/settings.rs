//! What is chosen for the dimensions of the program: for each an ID or a name, or nothing.

use astro_plugin_protocol::names::Dimension;

use super::Sourced;
use crate::program::dimensions;

/// A value for each dimension that has one, from the widest to the narrowest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(Vec<Option<Sourced<String>>>);

impl Settings {
    /// The value of a dimension, by its name.
    pub fn get(&self, dimension: &str) -> Option<&Sourced<String>> {
        self.at(dimensions().iter().position(|known| known.name == dimension)?)
    }

    /// The value of the dimension at this place in their order; the widest is the first.
    pub fn at(&self, place: usize) -> Option<&Sourced<String>> {
        self.0.get(place)?.as_ref()
    }

    /// The value of the widest dimension: a credential belongs to it.
    pub fn owner(&self) -> Option<&Sourced<String>> {
        self.at(0)
    }

    /// The value of the narrowest dimension.
    pub fn narrowest(&self) -> Option<&Sourced<String>> {
        self.at(dimensions().len().checked_sub(1)?)
    }

    /// Sets or removes the value of the dimension at a place.
    pub fn set(&mut self, place: usize, value: Option<Sourced<String>>) {
        if self.0.len() <= place {
            self.0.resize(place + 1, None);
        }
        self.0[place] = value;
    }

    /// Takes the value of the dimension at a place out.
    pub fn take(&mut self, place: usize) -> Option<Sourced<String>> {
        self.0.get_mut(place)?.take()
    }

    /// Every dimension with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Dimension, Option<&Sourced<String>>)> {
        dimensions().iter().enumerate().map(|(place, dimension)| (dimension, self.at(place)))
    }

    /// The dimensions that have a value, with it.
    pub fn chosen(&self) -> impl Iterator<Item = (&'static Dimension, &Sourced<String>)> {
        self.iter().filter_map(|(dimension, value)| Some((dimension, value?)))
    }

    /// For each dimension what `value` gives.
    pub fn of(value: impl FnMut(&'static Dimension) -> Option<Sourced<String>>) -> Self {
        Self(dimensions().iter().map(value).collect())
    }
}

/// The dimension that a credential belongs to.
pub(crate) fn owner() -> Option<&'static Dimension> {
    dimensions().first()
}

/// Whether a text is an ID of any dimension. It may then be the name of a file, too.
pub(crate) fn is_id(text: &str) -> bool {
    astro_plugin_protocol::names::is_name(text) && dimensions().iter().any(|known| (known.is_id)(text))
}

/// The names of all dimensions in words: `a team and a cluster`.
pub(crate) fn in_words() -> String {
    let with_article = |dimension: &Dimension| {
        let is_vowel = dimension.name.starts_with(['a', 'e', 'i', 'o', 'u']);
        format!("{} {}", if is_vowel { "an" } else { "a" }, dimension.name)
    };
    listed(&dimensions().iter().map(with_article).collect::<Vec<_>>())
}

/// Words as a list: `a, b and c`.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
