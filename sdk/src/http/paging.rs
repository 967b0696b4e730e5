//! How an API cuts its lists into pages, as data.

use std::{
    collections::{BTreeMap, HashSet},
    marker::PhantomData,
};

use futures_util::future::join_all;
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{HttpCall, Response};
use crate::{Error, Result};

/// Pages that may bring nothing new, one after the other, before the reading ends with an error.
const MOST_IN_VAIN: usize = 10;
/// Pages asked for at the same time. The host keeps to the rates of the profile's API.
const PAGES_AT_ONCE: usize = 8;

/// How an API cuts a list into pages: by offset, by cursor, or by the header `Link`.
///
/// Rows that moved between pages while the list was read come once, told apart by [`Paging::id`].
///
/// ```
/// # use astro_plugin_sdk::{Paging, prelude::*, serde_json::Value};
/// # async fn example(ctx: Context) -> Result<()> {
/// // {"tokens": [..], "totalCount": 2000}, with ?limit=1000&offset=1000
/// let tokens: Vec<Value> = ctx.http().get(["tokens"]).pages(Paging::offset("tokens")).await?;
/// // {"data": [..], "meta": {"next": "x1"}}, with ?after=x1
/// let paging = Paging::cursor("data", "/meta/next", "after").size("limit", 100);
/// let runs: Vec<Value> = ctx.http().get(["runs"]).pages(paging).await?;
/// // [..] and the header `Link: <https://…?page=2>; rel="next"`
/// let pulls: Vec<Value> = ctx.http().get(["pulls"]).pages(Paging::link()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Paging {
    way: Way,
    rows: Option<String>,
    id: String,
    size: Option<(String, u64)>,
}

#[derive(Debug, Clone)]
enum Way {
    Offset { total: String },
    Cursor { pointer: String, parameter: String },
    Link,
}

impl Paging {
    /// Pages by `limit` and `offset`, 1000 rows each: the answer is an object with the rows under this key and their number under
    /// `totalCount`.
    ///
    /// # Errors
    /// Of [`HttpCall::pages`]: fewer rows than `totalCount`.
    pub fn offset(rows: &str) -> Self {
        Self {
            way: Way::Offset { total: "totalCount".to_owned() },
            rows: Some(rows.to_owned()),
            id: "id".to_owned(),
            size: Some(("limit".to_owned(), 1000)),
        }
    }

    /// Pages by a cursor: the answer is an object with the rows under this key, and the cursor of the next page at a JSON pointer
    /// (RFC 6901), which `parameter` takes. The list ends where it is absent, null or empty.
    ///
    /// # Errors
    /// Of [`HttpCall::pages`]: a cursor that comes again, or pages that bring nothing new.
    pub fn cursor(rows: &str, pointer: &str, parameter: &str) -> Self {
        let way = Way::Cursor { pointer: pointer.to_owned(), parameter: parameter.to_owned() };
        Self { way, rows: Some(rows.to_owned()), id: "id".to_owned(), size: None }
    }

    /// Pages by the header `Link` (RFC 8288): the answer is an array ([`Paging::rows`] for one inside an object). Of the link
    /// `rel="next"` the query is taken; the path stays.
    ///
    /// # Errors
    /// Of [`HttpCall::pages`]: a link that comes again, or that differs in its path alone.
    pub fn link() -> Self {
        Self { way: Way::Link, rows: None, id: "id".to_owned(), size: None }
    }

    /// The key of the rows in the answer.
    #[must_use]
    pub fn rows(mut self, key: &str) -> Self {
        self.rows = Some(key.to_owned());
        self
    }

    /// The key that tells rows apart; `id` where nothing is said. Rows without it are all taken.
    #[must_use]
    pub fn id(mut self, key: &str) -> Self {
        self.id = key.to_owned();
        self
    }

    /// The query parameter for the size of a page, and the size.
    #[must_use]
    pub fn size(mut self, parameter: &str, rows: u64) -> Self {
        self.size = Some((parameter.to_owned(), rows.max(1)));
        self
    }

    pub(super) async fn fetch<T: DeserializeOwned>(self, call: HttpCall<'_>) -> Result<Vec<T>> {
        let call = match &self.size {
            Some((parameter, rows)) => call.query(parameter, rows),
            None => call,
        };
        match &self.way {
            Way::Offset { total } => self.by_offset(call, total).await,
            Way::Cursor { .. } | Way::Link => self.one_by_one(call).await,
        }
    }

    /// The first page, then the others concurrently.
    async fn by_offset<T: DeserializeOwned>(&self, call: HttpCall<'_>, key: &str) -> Result<Vec<T>> {
        let page = async |offset: u64| call.again().query("offset", offset).send().await;
        let mut rows = Rows::new(self);
        let first = page(0).await?;
        let envelope = Envelope::of(&first, self)?;
        let mut total = envelope.total(key)?;
        let step = envelope.count();
        rows.add(&envelope, step >= total)?;
        let mut offset = step;
        while step > 0 && offset < total {
            let offsets: Vec<u64> = (0..PAGES_AT_ONCE as u64)
                .map(|index| offset + index * step)
                .filter(|at| *at < total)
                .collect();
            let before = rows.found.len();
            for page in join_all(offsets.into_iter().map(page)).await {
                let page = page?;
                let envelope = Envelope::of(&page, self)?;
                total = envelope.total(key)?;
                rows.add(&envelope, false)?;
            }
            if rows.found.len() == before {
                break;
            }
            offset += step * PAGES_AT_ONCE as u64;
        }
        let found = rows.found.len();
        if (found as u64) < total {
            let what = self.what();
            return Err(Error::new(format!("the API says there are {total} {what} and sends {found}"))
                .help("the list may have changed while it was read: run the command again"));
        }
        Ok(rows.found)
    }

    /// Each page says where the next one is.
    async fn one_by_one<T: DeserializeOwned>(&self, call: HttpCall<'_>) -> Result<Vec<T>> {
        let mut rows = Rows::new(self);
        let mut seen = HashSet::new();
        let mut next = Vec::new();
        let mut in_vain = 0;
        loop {
            let mut page = call.again();
            let is_replaced = |key: &str| next.iter().any(|(known, _)| known == key);
            page.request.query.retain(|(key, _)| !is_replaced(key));
            page.request.query.extend(next);
            let page = page.send().await?;
            let envelope = Envelope::of(&page, self)?;
            let after = self.next(&page, &envelope)?;
            let before = rows.found.len();
            rows.add(&envelope, after.is_none() && rows.found.is_empty())?;
            in_vain = if rows.found.len() > before { 0 } else { in_vain + 1 };
            next = match after {
                None => return Ok(rows.found),
                Some(next) if in_vain < MOST_IN_VAIN && seen.insert(next.clone()) => next,
                Some(_) => {
                    return Err(Error::new(format!("the pages of `{}` loop", page.subject()))
                        .cause("the API names a next page again and again that brings nothing new"));
                }
            };
        }
    }

    /// What the rows are called.
    fn what(&self) -> &str {
        self.rows.as_deref().unwrap_or("rows")
    }

    /// What is put into the query for the next page.
    fn next(&self, page: &Response, envelope: &Envelope<'_>) -> Result<Option<Vec<(String, String)>>> {
        match &self.way {
            Way::Offset { .. } => Ok(None),
            Way::Cursor { pointer, parameter } => {
                let cursor = match envelope.at(pointer)? {
                    Value::String(text) => text,
                    Value::Number(number) => number.to_string(),
                    _ => return Ok(None),
                };
                Ok((!cursor.is_empty()).then(|| vec![(parameter.clone(), cursor)]))
            }
            Way::Link => {
                let header = page.headers("link").collect::<Vec<_>>().join(", ");
                match link_to_next(&header) {
                    Some(pairs) if pairs.is_empty() => {
                        let message = format!("the next page of `{}` is at another path", page.subject());
                        Err(Error::new(message).cause(header))
                    }
                    next => Ok(next),
                }
            }
        }
    }
}

/// The query of the link `rel="next"`, which may be empty, of a header `Link` (RFC 8288, section 3).
fn link_to_next(header: &str) -> Option<Vec<(String, String)>> {
    // A comma may stand in a target, never a `>`.
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, parameters) = after.split_once('>')?;
        let (own, others) =
            parameters.split_once('<').map_or((parameters, ""), |(own, _)| (own, &parameters[own.len()..]));
        let is_next = own.split(';').any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
            let mut relations = value.trim_end_matches([',', ' ']).trim_matches('"').split(' ');
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case("next"))
        });
        if is_next {
            let query = target.split_once('?').map_or("", |(_, query)| query);
            let query = query.split('#').next().unwrap_or_default();
            return Some(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
        }
        rest = others;
    }
    None
}

/// A page whose rows were found and not read yet: the bytes are gone through once for that.
struct Envelope<'p> {
    fields: BTreeMap<String, &'p RawValue>,
    rows: Vec<&'p RawValue>,
    what: &'p str,
}

impl<'p> Envelope<'p> {
    fn of(page: &'p Response, paging: &'p Paging) -> Result<Self> {
        let what = paging.what();
        let none = || Error::new(format!("the answer to `{}` holds no list of {what}", page.subject()));
        let Some(key) = &paging.rows else {
            let rows =
                serde_json::from_slice(page.bytes()).map_err(|error| none().cause(error.to_string()))?;
            return Ok(Self { fields: BTreeMap::new(), rows, what });
        };
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_slice(page.bytes()).map_err(|error| none().cause(error.to_string()))?;
        let rows = fields.get(key).and_then(|rows| serde_json::from_str(rows.get()).ok()).ok_or_else(none)?;
        Ok(Self { fields, rows, what })
    }

    fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    fn total(&self, key: &str) -> Result<u64> {
        let total = self.fields.get(key).and_then(|raw| raw.get().parse().ok());
        total.ok_or_else(|| Error::new(format!("the answer does not say how many {} there are", self.what)))
    }

    /// What is at a JSON pointer (RFC 6901); null where nothing is.
    fn at(&self, pointer: &str) -> Result<Value> {
        let slip = || Error::usage(format!("`{pointer}` is not a JSON pointer such as /meta/next"));
        let rest = pointer.strip_prefix('/').ok_or_else(slip)?;
        let (first, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let first = first.replace("~1", "/").replace("~0", "~");
        let found = self.fields.get(&first).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        Ok(found.and_then(|value| value.pointer(rest).cloned()).unwrap_or_default())
    }
}

/// Rows without repetition, in order.
struct Rows<'p, T> {
    paging: &'p Paging,
    seen: HashSet<String>,
    found: Vec<T>,
}

impl<'p, T: DeserializeOwned> Rows<'p, T> {
    fn new(paging: &'p Paging) -> Self {
        Self { paging, seen: HashSet::new(), found: Vec::new() }
    }

    /// Adds a page. A row that moved to another page while the list was read comes once; where there is only one page, nothing is
    /// compared. Each row is read into its type from the bytes that came, with nothing in between.
    fn add(&mut self, page: &Envelope<'_>, is_only: bool) -> Result<()> {
        self.found.reserve(page.rows.len());
        for row in &page.rows {
            let id = || id_of(row, &self.paging.id);
            let read = serde_json::from_str(row.get()).map_err(|error| {
                let name = id().unwrap_or_else(|| "without an id".to_owned());
                Error::new(format!("one of the {} ({name}) does not have the expected shape", page.what))
                    .cause(error.to_string())
            })?;
            if is_only || id().is_none_or(|id| self.seen.insert(id)) {
                self.found.push(read);
            }
        }
        Ok(())
    }
}

/// The text under a key of an object; the rest is passed over.
fn id_of(row: &RawValue, key: &str) -> Option<String> {
    struct Text<'k>(&'k str, PhantomData<()>);

    impl<'de> DeserializeSeed<'de> for Text<'_> {
        type Value = Option<String>;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for Text<'_> {
        type Value = Option<String>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                match key == self.0 {
                    true => {
                        // A number is told apart as well as a text.
                        found = match map.next_value::<Value>()? {
                            Value::String(text) => Some(text),
                            Value::Number(number) => Some(number.to_string()),
                            _ => None,
                        };
                    }
                    false => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(row.get());
    Text(key, PhantomData).deserialize(&mut deserializer).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        for (header, expected) in [
            (r#"<https://x/a?page=2>; rel="next""#, pairs(&[("page", "2")])),
            (
                r#"<https://x/a?page=1>; rel="prev", <https://x/a?page=3&q=a%20b+c>; rel="next", <https://x/a?page=9>; rel="last""#,
                pairs(&[("page", "3"), ("q", "a b c")]),
            ),
            (r#"<https://x/a?ids=1,2>;rel=next"#, pairs(&[("ids", "1,2")])),
            (r#"</a?page=2>; title="x"; REL="last next""#, pairs(&[("page", "2")])),
            (r#"<https://x/a?page=1>; rel="prev""#, None),
            (r#"<https://x/a>; rel="next""#, pairs(&[])),
            ("", None),
            ("<", None),
        ] {
            assert_eq!(link_to_next(header), expected, "{header}");
        }
    }

    #[test]
    fn the_id_of_a_row_is_found_without_reading_the_rest() {
        for (row, expected) in [
            (r#"{"a":{"id":"no"},"id":"yes","b":[1]}"#, Some("yes")),
            (r#"{"id":7}"#, Some("7")),
            (r#"{"id":null}"#, None),
            (r#"{"a":1}"#, None),
            ("[]", None),
        ] {
            let raw: &RawValue = serde_json::from_str(row).expect("json");
            assert_eq!(id_of(raw, "id").as_deref(), expected, "{row}");
        }
    }
}
