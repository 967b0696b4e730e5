//! `astro sandbox reset`.

use astro_plugin_sdk::{clap, prelude::*};

use super::{State, open, put_profile};
use crate::{database, instance::Instance};

/// Put the data of the local Astro API back to what it began with
///
/// Every token in it stops working, also the administrators'. A running server goes on with the new data, and
/// the profile `sandbox` gets the new administrator token.
#[derive(Args)]
pub(crate) struct Reset {}

impl Command for Reset {
    const PATH: &'static str = "sandbox reset";
    const EFFECT: Effect = Effect::Destructive;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.changes_profiles().example("astro sandbox reset --yes", "Put the data back without a question");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let instance = Instance::of(ctx.resolved())?;
        let replaced = format!("All data in {} is replaced.", instance.database().display());
        ctx.confirm("Reset the sandbox?").detail(replaced).or_exit().await?;
        database::reset(&mut open(&instance)?)?;
        let running = instance.running()?;
        if let Some(running) = &running {
            put_profile(&ctx, &instance, running).await?;
        }
        ctx.emit(State::view(), &State::of(&instance, running.as_ref())).await
    }
}
