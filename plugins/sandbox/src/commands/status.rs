//! `astro sandbox status`.

use astro_plugin_sdk::{clap, prelude::*};

use super::State;
use crate::instance::Instance;

/// Show whether the local Astro API runs, and where
#[derive(Args)]
pub(crate) struct Status {}

impl Command for Status {
    const PATH: &'static str = "sandbox status";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.example("astro sandbox status", "Show whether it runs")
            .exit_code(10, "the sandbox is not running");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let instance = Instance::of(ctx.resolved())?;
        let running = instance.running()?;
        ctx.emit(State::view(), &State::of(&instance, running.as_ref())).await?;
        if running.is_some() { Ok(()) } else { Err(Error::exit(10)) }
    }
}
