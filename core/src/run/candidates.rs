//! The values of an argument, from its plugin.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use astro_plugin_protocol::{
    invocation::{Candidate, Candidates, Complete, kind},
    manifest::Command,
    message,
};

use crate::{
    base::error::Result,
    cli::complete::Asked,
    console::{Conversation, logging},
    context::Context,
    env::Env,
    globals::Globals,
    host::{Services, Transport, executor},
    run::one,
    services::{Invocation, Shared},
    store::lookup::Owner,
};

/// Asks the plugin of a command for the values of one of its arguments. It may read, and nothing else.
pub(crate) fn candidates(
    env: &Env,
    asked: &Asked,
    globals: &Globals,
    args: &[String],
    context: Context,
    owner: &Owner,
    command: &Command,
) -> Result<Vec<Candidate>> {
    // One that was built again would have to be described first, which takes its time when the command is run.
    if owner.facts.is_linked() && !owner.facts.is_current(&owner.store) {
        return Ok(Vec::new());
    }
    let loaded = one::load(env, owner, Conversation::default())?;
    let request = Complete {
        path: command.path.clone(),
        arg: asked.arg.clone(),
        typed: asked.typed.clone(),
        args: args.to_vec(),
        context: one::context_for_plugin(env, &context, &owner.facts.name),
        log_level: logging::level(),
    };
    let request = message::encode_request(kind::COMPLETE, &request)?;
    let invocation = Invocation {
        plugin: owner.facts.name.clone(),
        config: owner.facts.config.clone(),
        ..Invocation::silent(env, command.clone(), context, globals.clone())
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
