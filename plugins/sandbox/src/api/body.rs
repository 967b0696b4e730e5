//! The body of a request, read property by property: each one that is not what the API takes is named in the refusal.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::Refusal;

/// A body and what is wrong with it so far. Properties are named by JSON pointer (`/roles/0/role`).
pub(super) struct Body {
    value: Value,
    refusal: Refusal,
}

impl Body {
    /// Reads a JSON object.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Refusal::bad_request(&format!("cannot read the body: {error}")))?;
        if !value.is_object() {
            return Err(Refusal::bad_request("cannot read the body: it is not a JSON object"));
        }
        Ok(Self { value, refusal: Refusal::invalid() })
    }

    /// A text. `null` is not one: a property that is not wanted is left out.
    pub(super) fn text(&mut self, pointer: &str) -> Option<String> {
        let value = self.value.pointer(pointer)?;
        if let Some(text) = value.as_str() {
            return Some(text.to_owned());
        }
        self.refuse("type", pointer, "must be a text");
        None
    }

    /// A text that must be there; empty when it is not.
    pub(super) fn required(&mut self, pointer: &str) -> String {
        if self.value.pointer(pointer).is_none() {
            self.refuse("required", pointer, "is required");
        }
        self.text(pointer).unwrap_or_default()
    }

    /// A text of at most this many characters.
    pub(super) fn short_text(&mut self, pointer: &str, most: usize) -> Option<String> {
        let text = self.text(pointer)?;
        if text.chars().count() > most {
            self.refuse("length", pointer, &format!("must have at most {most} characters"));
        }
        Some(text)
    }

    /// A text that must be there and have 1 to this many characters.
    pub(super) fn required_short_text(&mut self, pointer: &str, most: usize) -> String {
        if self.value.pointer(pointer).is_none() {
            self.refuse("required", pointer, "is required");
        }
        let text = self.text(pointer);
        if text.as_ref().is_some_and(|text| !(1..=most).contains(&text.chars().count())) {
            self.refuse("length", pointer, &format!("must have 1 to {most} characters"));
        }
        text.unwrap_or_default()
    }

    /// One of these texts.
    pub(super) fn choice(&mut self, pointer: &str, allowed: &[&str]) -> Option<String> {
        let text = self.text(pointer)?;
        if allowed.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse("oneof", pointer, &format!("must be one of {}", allowed.join(", ")));
        None
    }

    /// One of these texts, which must be there; `None` when it is not.
    pub(super) fn required_choice(&mut self, pointer: &str, allowed: &[&str]) -> Option<String> {
        if self.value.pointer(pointer).is_none() {
            self.refuse("required", pointer, "is required");
        }
        self.choice(pointer, allowed)
    }

    /// A whole number within a range.
    pub(super) fn integer(&mut self, pointer: &str, range: &RangeInclusive<i64>) -> Option<i64> {
        let number = self.value.pointer(pointer)?.as_i64();
        match number {
            Some(number) if range.contains(&number) => return Some(number),
            Some(_) => {
                let message = format!("must be from {} to {}", range.start(), range.end());
                self.refuse("range", pointer, &message);
            }
            None => self.refuse("type", pointer, "must be a whole number"),
        }
        None
    }

    /// How many items a list has that must have at least one.
    pub(super) fn items(&mut self, pointer: &str) -> usize {
        match self.value.pointer(pointer).map(Value::as_array) {
            None => self.refuse("required", pointer, "is required"),
            Some(None) => self.refuse("type", pointer, "must be a list"),
            Some(Some(list)) if list.is_empty() => {
                self.refuse("min", pointer, "must have at least 1 item");
            }
            Some(Some(list)) => return list.len(),
        }
        0
    }

    /// Names a property that is wrong.
    pub(super) fn refuse(&mut self, code: &'static str, pointer: &str, message: &str) {
        let mut field = String::new();
        for part in pointer.split('/').skip(1) {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                field.push_str(&format!("[{part}]"));
            } else {
                field.push_str(if field.is_empty() { "" } else { "." });
                field.push_str(part);
            }
        }
        self.refusal.add(code, &field, message);
    }

    /// Refuses when any property was wrong.
    pub(super) fn end(self) -> Result<(), Refusal> {
        self.refusal.if_any()
    }
}
