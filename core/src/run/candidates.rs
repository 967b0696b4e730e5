//! The values of an argument, from its plugin.

use std::sync::Arc;

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
    run::{ask, one},
    services::{Call, Shared},
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
    // The process may end at any moment.
    let api = env.api(context, globals).without_renewal();
    let call = Call {
        config: owner.facts.config.clone(),
        unstable: owner.facts.unstable.clone(),
        completing: true,
        ..Call::new(env, &owner.facts.name, command.clone(), api, globals.clone())
    };
    let mut answers =
        ask::ask(&loaded, vec![(request, Arc::new(Shared(Arc::new(call))))], &one::identity(owner))?;
    match answers.as_mut().and_then(Vec::pop) {
        Some(answer) => {
            let answer: Candidates = message::decode_answer(&answer).and_then(message::read)?;
            Ok(answer.candidates)
        }
        None => Ok(Vec::new()),
    }
}
