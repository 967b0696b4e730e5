//! Query strings and pages: `limit` and `offset`, `sorts` as repeated keys, and the envelope.

use rusqlite::{Connection, Params, Row};
use serde_json::{Map, Value, json};

use super::{Answer, Refusal, json_body};

/// Rows of a page when the caller does not say.
const DEFAULT_LIMIT: u64 = 20;

/// A query string, with its repeated keys.
pub(super) struct Query(Vec<(String, String)>);

/// What a list may be sorted by: the API's field and the column.
pub(super) type Sortable = [(&'static str, &'static str)];

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a key; an empty one counts as absent.
    pub(super) fn one(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of a key.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// Every value of a key, each of which must be one of these; empty ones count as absent.
    pub(super) fn choices(&self, key: &'static str, allowed: &[&str]) -> Result<Vec<&str>, Refusal> {
        let values: Vec<&str> = self.all(key).into_iter().filter(|value| !value.is_empty()).collect();
        match values.iter().find(|value| !allowed.contains(value)) {
            None => Ok(values),
            Some(other) => {
                let message = format!("must be one of {}, not `{other}`", allowed.join(", "));
                Err(Refusal::field("oneof", key, message))
            }
        }
    }

    pub(super) fn boolean(&self, key: &'static str) -> Result<bool, Refusal> {
        match self.one(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::field("boolean", key, "must be true or false")),
        }
    }

    fn number(&self, key: &'static str, default: u64, max: Option<u64>) -> Result<u64, Refusal> {
        let Some(text) = self.one(key) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if max.is_none_or(|max| number <= max) => Ok(number),
            Ok(_) => Err(Refusal::field("max", key, format!("must be at most {}", max.unwrap_or_default()))),
            Err(_) => Err(Refusal::field("min", key, "must be a whole number from 0")),
        }
    }

    /// `ORDER BY …` for the asked sorts; rows of equal keys keep their order.
    fn order(&self, sortable: &Sortable) -> Result<String, Refusal> {
        let mut order = String::from("ORDER BY ");
        for sort in self.all("sorts") {
            let found = sort.split_once(':').and_then(|(field, direction)| {
                let column = sortable.iter().find(|(name, _)| *name == field)?.1;
                matches!(direction, "asc" | "desc").then(|| format!("{column} {direction}, "))
            });
            order += &found.ok_or_else(|| {
                Refusal::field("oneof", "sorts", format!("`{sort}` is not a sort order of this list"))
            })?;
        }
        Ok(order + "rowid")
    }

    /// One page of `SELECT … FROM table WHERE condition`, in the envelope of the API.
    pub(super) fn page<P: Params + Clone>(
        &self,
        connection: &Connection,
        source: &Source<'_>,
        params: P,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<Value>,
    ) -> Answer {
        let envelope = self.envelope(connection, source, params, row)?;
        json_body(&envelope)
    }

    /// One page of rows that are all there, in the envelope of the API.
    pub(super) fn page_of(&self, key: &'static str, rows: Vec<Value>, max_limit: Option<u64>) -> Answer {
        let limit = self.number("limit", DEFAULT_LIMIT, max_limit)?;
        let offset = self.number("offset", 0, None)?;
        let total = rows.len();
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let rows: Vec<Value> = rows.into_iter().skip(place(offset)).take(place(limit)).collect();
        json_body(&json!({ key: rows, "totalCount": total, "limit": limit, "offset": offset }))
    }

    /// The envelope, for lists that add to it.
    pub(super) fn envelope<P: Params + Clone>(
        &self,
        connection: &Connection,
        source: &Source<'_>,
        params: P,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        let limit = self.number("limit", DEFAULT_LIMIT, source.max_limit)?;
        let offset = self.number("offset", 0, None)?;
        let order = self.order(source.sortable)?;
        let Source { key, columns, table, condition, .. } = source;
        let total: i64 = connection.query_row(
            &format!("SELECT count(*) FROM {table} WHERE {condition}"),
            params.clone(),
            |row| row.get(0),
        )?;
        let sql =
            format!("SELECT {columns} FROM {table} WHERE {condition} {order} LIMIT {limit} OFFSET {offset}");
        let mut statement = connection.prepare_cached(&sql)?;
        let rows: Vec<Value> = statement.query_map(params, row)?.collect::<rusqlite::Result<_>>()?;
        let mut envelope = Map::new();
        envelope.insert((*key).to_owned(), Value::Array(rows));
        envelope.insert("totalCount".to_owned(), json!(total));
        envelope.insert("limit".to_owned(), json!(limit));
        envelope.insert("offset".to_owned(), json!(offset));
        Ok(envelope)
    }
}

/// Where the rows of a list come from.
pub(super) struct Source<'a> {
    /// The array's key in the envelope.
    pub(super) key: &'static str,
    pub(super) table: &'static str,
    pub(super) columns: &'static str,
    pub(super) condition: &'a str,
    pub(super) sortable: &'static Sortable,
    /// The published upper bound of `limit`, when there is one.
    pub(super) max_limit: Option<u64>,
}

/// `AND column IN ('a', 'b')` for a filter that may be repeated; empty when it is absent. The values are
/// quoted as SQL text.
pub(super) fn filter(column: &str, values: &[&str]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
    format!(" AND {column} IN ({})", quoted.join(", "))
}
