//! What a test says of its host before the command runs.

use astro_plugin_protocol::{
    invocation::{self, Setting, Source},
    service::ProcessEnd,
};
use serde_json::Value;

use super::{
    Host,
    script::{Reply, TokenSink, When},
};

impl Host {
    /// The answers that were given until now may stay unused: for what several tests share. Any other that no request comes for
    /// fails the test when the host is dropped.
    #[must_use]
    pub fn lenient(self) -> Self {
        self.script().allow_unused();
        self
    }

    /// Answers the requests that fit. Of several stubs that fit, the newest answers.
    ///
    /// ```
    /// # use astro_plugin_sdk::{Plugin, serde_json::json, testing::{Host, Reply, When}};
    /// # let plugin = Plugin::new("x", "1.0.0");
    /// let host = Host::new(plugin)
    ///     .on(When::get("runs").query("page", 2), Reply::json(json!([])))
    ///     .on(When::post("runs").json(json!({"dag": "etl"})), Reply::json(json!({"id": "r1"})).with_status(201))
    ///     .on(When::get("export").at("https://files.example.com"), Reply::bytes("a,b\n", "text/csv"));
    /// # let _ = host.lenient();
    /// ```
    #[must_use]
    pub fn on(self, when: When, reply: Reply) -> Self {
        self.script().on(when, reply);
        self
    }

    /// Chooses an ID or a name for a dimension of the program ([`set_program`](super::set_program)).
    #[must_use]
    pub fn setting(mut self, dimension: &str, value: &str) -> Self {
        self.context.set(dimension, Setting::new(value, "the test", Source::Profile));
        self
    }

    /// Answers a GET of this path below the API's base (`teams/ID/clusters`) with a body, as often as it
    /// comes.
    #[must_use]
    pub fn get(self, path: &str, body: Value) -> Self {
        self.answer("GET", path, 200, body)
    }

    /// Answers a request with a status and a body, as often as it comes. A later answer to the same request takes the
    /// place of an earlier one. A status of 400 and above is the failure that the real host makes of it; its `message`
    /// is what the API says.
    #[must_use]
    pub fn answer(self, method: &str, path: &str, status: u16, body: Value) -> Self {
        self.on(When::method(method, path), Reply::json(body).with_status(status))
    }

    /// Answers a GET with the pages of a list, whatever page is asked for: `{"KEY": […], "totalCount": N}`.
    #[must_use]
    pub fn list(self, path: &str, key: &str, rows: Value) -> Self {
        self.on(When::get(path), Reply::pages(key, rows))
    }

    /// Lets nothing reach the server: every request is the failure of a network that is down (exit code 5).
    #[must_use]
    pub fn offline(self) -> Self {
        self.script().offline = true;
        self
    }

    /// Sets the clock, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn at(self, unix_ms: i64) -> Self {
        self.script().unix_ms = unix_ms;
        self
    }

    /// The plugin's own table of the configuration. Keys that the plugin declares are checked as by the real host.
    #[must_use]
    pub fn config(self, table: Value) -> Self {
        self.script().config = table;
        self
    }

    /// Puts somebody at the terminal who gives these answers: `y` or `n` to a yes-or-no question, a line of text, or the
    /// item that is picked from a list.
    #[must_use]
    pub fn typing<'a>(mut self, answers: impl IntoIterator<Item = &'a str>) -> Self {
        self.interactive = true;
        self.script().typed = answers.into_iter().map(str::to_owned).collect();
        self
    }

    /// Where the plugin keeps what it has to remember ([`crate::Context::state_dir`]), and, below it, its cache.
    #[must_use]
    pub fn state_dir(mut self, dir: impl AsRef<std::path::Path>) -> Self {
        let dir = dir.as_ref();
        self.context.state_dir = dir.to_string_lossy().into_owned();
        self.context.cache_dir = dir.join("cache").to_string_lossy().into_owned();
        self
    }

    /// What a program that the command runs does, by its name. Programs are never run by a test.
    #[must_use]
    pub fn program(self, name: &str, end: ProcessEnd) -> Self {
        self.script().programs.insert(name.to_owned(), end);
        self
    }

    /// A terminal of this width; without it the result goes to a pipe.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.width = Some(columns);
        self
    }

    /// Nothing is chosen, as after a fresh installation.
    #[must_use]
    pub fn without_context(mut self) -> Self {
        self.context = invocation::Context::default();
        self
    }

    /// The user interrupts once this many requests were answered. A command that waits for it ([`crate::Context::cancelled`]) goes
    /// on; any other one ends where it is, with 130.
    ///
    /// ```
    /// # use astro_plugin_sdk::{Plugin, serde_json::json, testing::Host};
    /// # let plugin = Plugin::new("x", "1.0.0");
    /// let host = Host::new(plugin).get("runs", json!([])).interrupt_after(1);
    /// # let _ = host.lenient();
    /// ```
    #[must_use]
    pub fn interrupt_after(self, requests: usize) -> Self {
        self.script().interrupt_after = Some(requests);
        self
    }

    /// Where a one-time secret goes instead of the result, as with `--token-file`; [`Host::delivered`] has what came.
    #[must_use]
    pub fn token_sink(self, sink: TokenSink) -> Self {
        self.script().sink = sink;
        self
    }
}
