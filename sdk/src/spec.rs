//! What clap cannot be asked for, declared once for parser, help and message.

use std::{fmt::Display, ops::RangeInclusive, sync::Arc};

use astro_plugin_protocol::{
    duration::Scale,
    effect::Effect,
    manifest::{Example, ExitCode, Needs, Section, ValueKind, read_bool},
    text::is_control,
};
use clap::{
    Arg,
    builder::{TypedValueParser, ValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{Period, Sort, View};

type Change = Arc<dyn Fn(Arg) -> Arg + Send + Sync>;

/// What a command declares beside its clap struct. See [`crate::Command::declare`]. An `id` is the name of a field of that
/// struct; one that is none is a problem of the manifest.
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// fn declare(spec: &mut Spec) {
///     spec.alias("ls")
///         .availability("Only where the team has a cluster of its own.")
///         .section("Order", "The newest first.")
///         .needs_api()
///         .needs_host("status.example.com")
///         .output(View::list("runs").id("id", "ID").clean(["id"]))
///         .range("limit", 1u32..=1000, "runs")
///         .number("port", 1u16..=65535, "a port")
///         .length("name", 1..=64)
///         .line("title", 1..=120)
///         .sort("sort", &["name", "created"])
///         .optional_bool("force")
///         .sets_global("clean_output", "--output=clean")
///         .raises("prune", Effect::Destructive)
///         .file("path")
///         .completes("dag")
///         .value_kind("team", ValueKind::setting("team"))
///         .exit_code(20, "a run failed")
///         .example("astro dag runs etl --limit 10", "The last ten runs")
///         .see_also("cluster list");
/// }
/// ```
#[derive(Default)]
pub struct Spec {
    pub(crate) aliases: Vec<String>,
    pub(crate) note: Option<String>,
    pub(crate) sections: Vec<Section>,
    pub(crate) examples: Vec<Example>,
    pub(crate) see_also: Vec<String>,
    pub(crate) exit_codes: Vec<ExitCode>,
    pub(crate) needs: Needs,
    pub(crate) output: Option<View>,
    pub(crate) hidden: bool,
    pub(crate) several_profiles: bool,
    pub(crate) args: Vec<ArgSpec>,
    /// What was declared twice, and would lose its first declaration.
    pub(crate) twice: Vec<String>,
}

/// What is declared about one argument; `id` is the field's name.
#[derive(Default)]
pub(crate) struct ArgSpec {
    pub(crate) id: String,
    pub(crate) range: Option<String>,
    pub(crate) means: Option<String>,
    pub(crate) effect: Option<Effect>,
    pub(crate) kind: ValueKind,
    change: Option<Change>,
}

impl Spec {
    /// Another spelling of the command's last word.
    pub fn alias(&mut self, word: &str) -> &mut Self {
        self.aliases.push(word.to_owned());
        self
    }

    /// Where the command works and where not; shown first on its help page.
    pub fn availability(&mut self, note: &str) -> &mut Self {
        self.note = Some(note.to_owned());
        self
    }

    /// A titled paragraph of the help page.
    pub fn section(&mut self, title: &str, text: &str) -> &mut Self {
        self.sections.push(Section { title: title.to_owned(), text: text.to_owned() });
        self
    }

    /// A command line that works, beginning with `astro`, and what it does.
    pub fn example(&mut self, command: &str, about: &str) -> &mut Self {
        self.examples.push(Example { command: command.to_owned(), about: about.to_owned() });
        self
    }

    /// How the value that [`crate::Command::run`] gives is shown: columns for people, fields for scripts, and for a
    /// list its key in json. Without it, and for a view without columns, the record's own keys are taken, in order; a view
    /// with columns and without [`View::clean`] gives scripts the columns.
    pub fn output(&mut self, view: View) -> &mut Self {
        self.output = Some(view);
        self
    }

    /// A related command, as its path.
    pub fn see_also(&mut self, path: &str) -> &mut Self {
        self.see_also.push(path.to_owned());
        self
    }

    /// An exit code of the command's own (10 to 99); end with it through [`crate::Error::exit`].
    pub fn exit_code(&mut self, code: u8, meaning: &str) -> &mut Self {
        self.exit_codes.push(ExitCode { code, meaning: meaning.to_owned() });
        self
    }

    /// The command sends requests to the profile's API.
    pub fn needs_api(&mut self) -> &mut Self {
        self.needs.api = true;
        self
    }

    /// The command sends requests to another API than the profile's, on this host: `status.example.com`, or `localhost`
    /// ([`crate::Http::at`]). No credential is sent there. People see it before they install the plugin.
    pub fn needs_host(&mut self, host: &str) -> &mut Self {
        self.needs.hosts.push(host.to_owned());
        self
    }

    /// The command writes streamed text ([`crate::Context::text`]) instead of records.
    pub fn streams_text(&mut self) -> &mut Self {
        self.needs.text = true;
        self
    }

    /// The command runs other programs ([`crate::Context::process`]).
    pub fn runs_programs(&mut self) -> &mut Self {
        self.needs.process = true;
        self
    }

    /// The command creates or changes profiles.
    pub fn changes_profiles(&mut self) -> &mut Self {
        self.needs.profile = true;
        self
    }

    /// The command lists and changes nothing: it may run for several profiles at once (`--all-profiles`, or several
    /// `--profile`), each row telling its profile.
    pub fn per_profile(&mut self) -> &mut Self {
        self.several_profiles = true;
        self
    }

    /// The command delivers a one-time secret ([`crate::Context::emit_secret`]). The host adds the options that
    /// say where it goes, and looks before anything is sent whether it can go there.
    pub fn delivers_secret(&mut self) -> &mut Self {
        self.needs.secret = true;
        self
    }

    /// Leaves the command out of listings.
    pub fn hide(&mut self) -> &mut Self {
        self.hidden = true;
        self
    }

    /// A whole number in a range. `unit` is a plural such as `days`. Parser, help and error message come
    /// from this one line; `T` is the type of the field.
    pub fn range<T>(&mut self, id: &str, range: RangeInclusive<T>, unit: &str) -> &mut Self
    where
        T: TryFrom<i128> + Into<i128> + Display + Copy + Clone + Send + Sync + 'static,
    {
        self.number(id, range, &format!("a whole number of {unit}"))
    }

    /// The same where it is one thing and not so many of something: `spec.number("port", 1u16..=65535, "a port")` refuses 0 with
    /// "must be a port from 1 to 65535".
    pub fn number<T>(&mut self, id: &str, range: RangeInclusive<T>, what: &str) -> &mut Self
    where
        T: TryFrom<i128> + Into<i128> + Display + Copy + Clone + Send + Sync + 'static,
    {
        let (low, high) = (*range.start(), *range.end());
        let reason = format!("must be {what} from {low} to {high}");
        self.arg(id).range = Some(format!("{low} to {high}"));
        self.read(id, reason, move |text: &str| {
            let number: i128 = text.parse().ok()?;
            (low.into()..=high.into()).contains(&number).then(|| T::try_from(number).ok())?
        })
    }

    /// A text with a limited number of characters. The field is a `String`.
    pub fn length(&mut self, id: &str, range: RangeInclusive<usize>) -> &mut Self {
        self.read(id, out_of(&range), move |text: &str| {
            range.contains(&text.chars().count()).then(|| text.to_owned())
        })
    }

    /// A text of one line that people will read, such as a name: a limited number of characters, and none that acts on a
    /// terminal, turns the direction of the text or cannot be seen. The field is a `String`.
    pub fn line(&mut self, id: &str, range: RangeInclusive<usize>) -> &mut Self {
        self.value_parser(id, move |text: &str| is_line(text, &range).map(|()| text.to_owned()))
    }

    /// A length of time: `14d`, `2w`, or `30s`, `2m`. The field is a [`crate::Period`].
    pub fn duration(&mut self, id: &str, scale: Scale) -> &mut Self {
        self.read(id, format!("must be {}", scale.expected()), move |text: &str| scale.read(text).map(Period))
    }

    /// A text that a function reads into the type of the field; its error completes "the value …", such as `must be a role name`.
    /// The derive asks that clap can read the type by itself, too: a `String`, or one with `FromStr`.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # fn declare(spec: &mut Spec) {
    /// spec.parsed("tag", |text| match text.split_once('=') {
    ///     Some(_) => Ok(text.to_owned()),
    ///     None => Err("must be KEY=VALUE".to_owned()),
    /// });
    /// # }
    /// ```
    pub fn parsed<T: Clone + Send + Sync + 'static>(
        &mut self,
        id: &str,
        read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
    ) -> &mut Self {
        self.value_parser(id, read)
    }

    /// The order of a list's rows: `--sort FIELD[:asc|desc]`. The field is an `Option<Sort>`.
    pub fn sort(&mut self, id: &str, fields: &'static [&'static str]) -> &mut Self {
        let reason = format!("must be one of {}, with `:asc` or `:desc` if you like", fields.join(", "));
        self.read(id, reason, move |text: &str| Sort::read(text).filter(|sort| sort.is_one_of(fields)))
    }

    /// A flag that may carry true, false, 1 or 0, after `=` or as the next word. The field is a
    /// `Option<bool>`.
    pub fn optional_bool(&mut self, id: &str) -> &mut Self {
        let parser =
            Parser { read: |text: &str| read_bool(text).ok_or_else(|| "must be True or False".to_owned()) };
        self.once(id);
        let arg = self.arg(id);
        arg.kind = ValueKind::Bool;
        arg.change = Some(Arc::new(move |arg| {
            arg.num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .value_parser(ValueParser::new(parser.clone()))
        }));
        self
    }

    /// The option stands for a global one, such as `--yes` or `--output=clean`; the host applies it.
    pub fn sets_global(&mut self, id: &str, global: &str) -> &mut Self {
        self.arg(id).means = Some(global.to_owned());
        self
    }

    /// The command has at least this effect when the option is given: a list whose `--prune` deletes what it shows declares
    /// [`crate::Command::EFFECT`] as read, and `spec.raises("prune", Effect::Destructive)`.
    pub fn raises(&mut self, id: &str, effect: Effect) -> &mut Self {
        self.arg(id).effect = Some(effect);
        self
    }

    /// The value is a path; the shell completes it.
    pub fn file(&mut self, id: &str) -> &mut Self {
        self.value_kind(id, ValueKind::File)
    }

    /// While a shell completes the value, [`crate::Command::complete`] is asked for it.
    pub fn completes(&mut self, id: &str) -> &mut Self {
        self.value_kind(id, ValueKind::Dynamic)
    }

    /// What the value is, such as [`ValueKind::Profile`] or a setting of the program's dimensions: the host completes it.
    pub fn value_kind(&mut self, id: &str, kind: ValueKind) -> &mut Self {
        if self.arg(id).kind != ValueKind::Text {
            self.twice.push(format!("the kind of `{id}`"));
        }
        self.arg(id).kind = kind;
        self
    }

    /// A value that a function reads; `reason` says what it must be.
    fn read<T: Clone + Send + Sync + 'static>(
        &mut self,
        id: &str,
        reason: String,
        read: impl Fn(&str) -> Option<T> + Clone + Send + Sync + 'static,
    ) -> &mut Self {
        self.value_parser(id, move |text: &str| read(text).ok_or_else(|| reason.clone()))
    }

    /// The same for a reason that depends on the value.
    fn value_parser<T: Clone + Send + Sync + 'static>(
        &mut self,
        id: &str,
        read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
    ) -> &mut Self {
        let parser = Parser { read };
        self.once(id);
        self.arg(id).change = Some(Arc::new(move |arg| arg.value_parser(ValueParser::new(parser.clone()))));
        self
    }

    /// How an argument's value is read is said once: a second way would take the place of the first without a word.
    fn once(&mut self, id: &str) {
        if self.arg(id).change.is_some() {
            self.twice.push(format!("how `{id}` is read"));
        }
    }

    fn arg(&mut self, id: &str) -> &mut ArgSpec {
        let at = self.args.iter().position(|arg| arg.id == id).unwrap_or_else(|| {
            self.args.push(ArgSpec { id: id.to_owned(), ..ArgSpec::default() });
            self.args.len() - 1
        });
        &mut self.args[at]
    }

    /// Applies the declared parsers to the clap command.
    pub(crate) fn apply(&self, command: clap::Command) -> clap::Command {
        // `mut_arg` would move the argument to the end of the help page.
        command.mut_args(|clap_arg| {
            let change = self
                .args
                .iter()
                .find(|arg| arg.id == clap_arg.get_id().as_str())
                .and_then(|arg| arg.change.clone());
            match change {
                Some(change) => change(clap_arg),
                None => clap_arg,
            }
        })
    }
}

/// Whether a text is a line for people: the error is what it must be instead.
fn is_line(text: &str, range: &RangeInclusive<usize>) -> Result<(), String> {
    if text.chars().any(is_control) {
        return Err("must be a text without control characters".to_owned());
    }
    if !range.contains(&text.chars().count()) {
        return Err(out_of(range));
    }
    Ok(())
}

fn out_of(range: &RangeInclusive<usize>) -> String {
    let (low, high) = (range.start(), range.end());
    match low {
        0 => format!("must have at most {high} characters"),
        _ => format!("must have {low} to {high} characters"),
    }
}

/// A value parser whose message is what the value must be.
#[derive(Clone)]
struct Parser<F> {
    read: F,
}

impl<T, F> TypedValueParser for Parser<F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        (self.read)(&text).map_err(|reason| {
            let mut error = clap::Error::new(ErrorKind::ValueValidation).with_cmd(command);
            let option = arg.map(ToString::to_string).unwrap_or_default();
            error.insert(ContextKind::InvalidArg, ContextValue::String(option));
            error.insert(ContextKind::InvalidValue, ContextValue::String(text.into_owned()));
            error.insert(ContextKind::Custom, ContextValue::String(reason));
            error
        })
    }
}
