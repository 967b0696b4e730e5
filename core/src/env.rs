//! What every command of the host may use: the terminal, the user's directories, the stores.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::{
    api::ApiClient,
    base::{
        error::{Result, failed},
        time::{timestamp, unix_now},
    },
    cli::help::Layout,
    config::Dirs,
    console::{Console, Conversation, ResultError, logging},
    context::{Context, Resolver},
    globals::Globals,
    output::{Format, TableLayout},
    product::product,
    program::{APP, ENV},
    store::Stores,
};

/// The surroundings of one run of the program.
pub(crate) struct Env {
    pub(crate) console: Arc<Console>,
    /// The name the program was called by.
    pub(crate) binary: String,
    pub(crate) stores: Stores,
    /// The user's directories, or why they are not known: `--help` works without.
    pub(crate) dirs: Result<Dirs>,
}

impl Env {
    /// Who a command acts as, and where.
    pub(crate) fn resolver(&self) -> Resolver<'_> {
        Resolver { dirs: &self.dirs, console: &self.console }
    }

    /// Fixes what may be written to stderr, and starts the log.
    pub(crate) fn start_conversation(&self, globals: &Globals, format: Format) -> Result<Conversation> {
        let facts = self.console.facts;
        let color = |terminal: bool| match globals.color.as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => terminal && !facts.dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let conversation = Conversation {
            quiet: globals.quiet || !format.is_for_people(),
            color_stderr: color(facts.stderr),
            color_stdout: color(facts.stdout),
            json_errors: format.is_document(),
        };
        self.console.set_conversation(conversation);
        logging::start(globals.verbose).map_err(|reason| {
            crate::base::error::config(format!("{ENV}_LOG cannot be read"))
                .cause(reason)
                .help("set it to error, warn, info, debug or trace")
        })?;
        Ok(conversation)
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.console.facts.width, self.console.conversation().color_stdout)
    }

    /// The API as it is used in a context.
    pub(crate) fn api(&self, context: Context, globals: &Globals) -> ApiClient {
        ApiClient::new(context, globals, &self.console, self.dirs.as_ref().ok())
    }

    /// Whether a person is at the terminal and may be asked.
    pub(crate) fn is_interactive(&self, globals: &Globals, format: Format) -> bool {
        let facts = self.console.facts;
        facts.stdin && facts.stderr && !globals.no_input && format.is_for_people()
    }

    /// How a table is laid out.
    pub(crate) fn table_layout(&self, conversation: Conversation) -> TableLayout {
        TableLayout {
            width: self.console.facts.width,
            color: conversation.color_stdout,
            now: timestamp(unix_now()),
        }
    }

    /// Writes a result of the host's own. A reader that is gone is a quiet end.
    pub(crate) fn print(&self, text: &str) -> Result<i32> {
        self.print_bytes(text.as_bytes())
    }

    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<i32> {
        match self.console.result.write_all(bytes) {
            Ok(()) | Err(ResultError::Closed) => Ok(0),
            Err(ResultError::Failed(reason)) => Err(failed("the result cannot be written").cause(reason)),
            Err(ResultError::Lost) => {
                Err(failed("the result cannot be written").cause("its descriptor was closed"))
            }
        }
    }

    /// `--version`
    pub(crate) fn print_version(&self) -> Result<i32> {
        self.print(&format!("{APP} {}\n", product().version))
    }
}
