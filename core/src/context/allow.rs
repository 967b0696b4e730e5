//! Whether a context allows what a command does.

use astro_plugin_protocol::effect::Effect;

use super::Context;
use crate::base::error::Result;

impl Context {
    /// Whether a command with this effect may act here. Every refusal that depends on the effect is made here. What is not
    /// declared is judged by each of its requests.
    pub fn allow(&self, effect: Effect) -> Result<()> {
        match (effect, &self.read_only) {
            (Effect::Write | Effect::Destructive, Some(reason)) => {
                let mut refused = reason.clone();
                refused.causes.insert(0, reason.message.clone());
                refused.message = "cannot change anything from this directory".to_owned();
                Err(refused)
            }
            _ => Ok(()),
        }
    }
}
