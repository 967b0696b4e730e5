//! The plugin's own answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use astro_plugin_protocol::{
    invocation::{Candidate, Candidates, Complete, kind},
    manifest::Command,
    message,
};

use super::Line;
use crate::{
    app::App,
    base::error::Result,
    cli::complete::Asked,
    console::{Conversation, logging},
    context::Context,
    host::{Services, Transport, executor},
    services::{Invocation, Shared},
    store::lookup::Owner,
};

/// Asks the plugin of a command for the values of one of its arguments. It may read, and nothing else.
pub(super) fn plugin(
    app: &App,
    asked: &Asked,
    line: &Line,
    context: Context,
    owner: &Owner,
    command: &Command,
) -> Result<Vec<Candidate>> {
    // One that was built again would have to be described first, which takes its time when the command is run.
    if owner.facts.is_linked() && !owner.facts.is_current(&owner.store) {
        return Ok(Vec::new());
    }
    let loaded = app.load(owner, Conversation::default())?;
    let request = Complete {
        path: command.path.clone(),
        arg: asked.arg.clone(),
        typed: asked.typed.clone(),
        args: line.args.clone(),
        context: app.context_for_plugin(&context, &owner.facts.name),
        log_level: logging::level(),
    };
    let request = message::encode_request(kind::COMPLETE, &request)?;
    let invocation = Invocation {
        plugin: owner.facts.name.clone(),
        config: owner.facts.config.clone(),
        ..Invocation::silent(app, command.clone(), context, line.globals.clone())
    };
    let services: Arc<dyn Services> = Arc::new(Shared(Arc::new(invocation)));
    let answering = loaded.invoke(services, request);
    match catch_unwind(AssertUnwindSafe(|| executor::run(answering))) {
        Ok(Ok(executor::Ended::Done(answer))) => {
            let answer: Candidates = message::decode_answer(&answer).and_then(message::read)?;
            Ok(answer.candidates)
        }
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(executor::Ended::Interrupted)) | Err(_) => Ok(Vec::new()),
    }
}
