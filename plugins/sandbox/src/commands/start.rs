//! `astro sandbox start`: the server in the background, and a profile for it.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    process::{Command as Process, Stdio},
    time::{Duration, Instant},
};

use astro_plugin_sdk::{clap, prelude::*};

use super::{Conditions, State, open, put_profile, stop::stop};
use crate::instance::{Instance, Running};

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Start the local Astro API in the background
///
/// It listens on 127.0.0.1 only, keeps its data in a SQLite file, and stops by itself after 8 hours without a
/// request. The profile `sandbox` is written for it; it becomes the default only in a private ASTRO_HOME that
/// has none.
#[derive(Args)]
pub(crate) struct Start {
    /// The port to listen on; the one of the last time, or a free one, when it is not given
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    conditions: Conditions,
}

impl Command for Start {
    const PATH: &'static str = "sandbox start";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.changes_profiles()
            .number::<u16>("port", 1..=65535, "a port")
            .range::<u32>("latency", 0..=60_000, "milliseconds")
            .range::<u32>("session_lifetime", 1..=1_000_000, "seconds")
            .example("astro sandbox start", "Start it and use the profile `sandbox`")
            .see_also("deployment token list")
            .see_also("sandbox stop")
            .see_also("sandbox env");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let instance = Instance::of(ctx.resolved())?;
        if let Some(running) = instance.running()? {
            if let Some(port) = self.port.filter(|port| *port != running.port) {
                return Err(Error::new(format!("the sandbox is running already, on port {}", running.port))
                    .help(format!(
                        "stop it first: astro sandbox stop; then astro sandbox start --port {port}"
                    )));
            }
            let (mut wanted, usual) = (self.conditions.arguments(), Conditions::default().arguments());
            // Without options whatever runs is wanted.
            if wanted != running.conditions && wanted != usual {
                wanted.retain(|option| !usual.contains(option));
                return Err(Error::new("the sandbox is running already, with other options").help(format!(
                    "start it again with these: astro sandbox stop && astro sandbox start {}",
                    wanted.join(" ")
                )));
            }
            ctx.notice("The sandbox is running already.").await?;
            put_profile(&ctx, &instance, &running).await?;
            return ctx.emit(State::view(), &State::of(&instance, Some(&running))).await;
        }
        // A file that cannot be opened is said here, not in the log of a process that is gone.
        drop(open(&instance)?);
        let running = launch(&instance, self.port, &self.conditions)?;
        if let Err(error) = put_profile(&ctx, &instance, &running).await {
            // Without its profile nobody would know of the server.
            stop(&instance, &running)?;
            return Err(error);
        }
        ctx.emit(State::view(), &State::of(&instance, Some(&running))).await
    }
}

/// Starts `astro sandbox serve` with nothing of this terminal and none of the caller's credentials.
fn launch(instance: &Instance, port: Option<u16>, conditions: &Conditions) -> Result<Running> {
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(instance.log())?;
    let host = std::env::current_exe()?;
    let mut process = Process::new(host);
    process.args(["sandbox", "serve", "--detached"]);
    if let Some(port) = port {
        process.arg(format!("--port={port}"));
    }
    process.args(conditions.arguments());
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("ASTRO_") && name != "ASTRO_HOME")
    {
        process.env_remove(name);
    }
    let mut child = process.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let started = Instant::now();
    while started.elapsed() < START_TIMEOUT {
        match instance.running()? {
            Some(running) if running.pid == child.id() => return Ok(running),
            _ => {}
        }
        if let Some(status) = child.try_wait()? {
            // Another start at the same moment may have been faster.
            if let Some(running) = instance.appears_within(Duration::from_secs(2))? {
                return Ok(running);
            }
            let log = std::fs::read_to_string(instance.log()).unwrap_or_default();
            let said = log.lines().rev().find_map(|line| line.strip_prefix("caused by: "));
            let reason = said.map_or_else(|| status.to_string(), str::to_owned);
            return Err(Error::new("the sandbox ended at once")
                .cause(reason)
                .help(format!("see more in {}", instance.log().display())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    Err(Error::new(format!("the sandbox did not listen within {} s", START_TIMEOUT.as_secs()))
        .help(format!("see why in {}", instance.log().display())))
}
