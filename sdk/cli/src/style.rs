//! Named styles. Text is built with names; escape codes are added at the edge, and only where allowed.

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `error:`
    Error,
    /// `warning:`
    Warning,
    /// `help:`
    Help,
    /// A heading.
    Heading,
    /// Something to type.
    Literal,
}

/// The text with the style's escape codes when `color` is true, else as it is.
pub fn styled(style: Style, text: &str, color: bool) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match style {
        Style::Error => "1;31",
        Style::Warning => "1;33",
        Style::Help => "1;36",
        Style::Heading => "1",
        Style::Literal => "36",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
