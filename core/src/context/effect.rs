//! What a command does to what other people see, and whether the context allows it.

use astro_plugin_protocol::manifest::Command;

use super::Context;
use crate::base::error::Result;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
}

impl Effect {
    /// What a request with this method does.
    pub fn of_method(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Read,
            _ => Self::Write,
        }
    }

    /// What a command surely does, from what its manifest says: one that brings a one-time secret makes it. For any
    /// other the method of each request decides.
    pub fn of_command(command: &Command) -> Self {
        if command.needs.secret { Self::Write } else { Self::Read }
    }
}

impl Context {
    /// Whether a command with this effect may act here. Every refusal that depends on the effect is made here.
    pub fn allow(&self, effect: Effect) -> Result<()> {
        match (effect, &self.read_only) {
            (Effect::Write, Some(reason)) => {
                let mut refused = reason.clone();
                refused.causes.insert(0, reason.message.clone());
                refused.message = "cannot change anything from this directory".to_owned();
                Err(refused)
            }
            _ => Ok(()),
        }
    }
}
