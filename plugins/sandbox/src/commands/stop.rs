//! `astro sandbox stop`.

use std::time::{Duration, Instant};

use astro_plugin_sdk::{clap, prelude::*};
use rustix::process::{Pid, Signal, kill_process};

use crate::instance::{Instance, Running};

const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Stop the local Astro API; its data stays
#[derive(Args)]
pub(crate) struct Stop {}

#[derive(Serialize)]
#[serde(crate = "astro_plugin_sdk::serde")]
struct Stopped {
    status: &'static str,
    pid: Option<u32>,
}

impl Command for Stop {
    const PATH: &'static str = "sandbox stop";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.example("astro sandbox stop", "Stop it").see_also("sandbox start").see_also("sandbox reset");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let instance = Instance::of(ctx.resolved())?;
        let running = instance.running()?;
        if let Some(running) = &running {
            stop(&instance, running)?;
        }
        let sentence =
            if running.is_some() { "The sandbox is stopped." } else { "The sandbox was not running." };
        let view = View::sentence(sentence).clean(["status"]);
        ctx.emit(view, &Stopped { status: "stopped", pid: running.map(|running| running.pid) }).await
    }
}

/// Ends a server and waits until it is gone.
pub(super) fn stop(instance: &Instance, running: &Running) -> Result<()> {
    // The lock is held, so the process that wrote the file is alive and the number is its own; a file that was
    // written by somebody else ends no other process.
    let line = std::fs::read(format!("/proc/{}/cmdline", running.pid)).unwrap_or_default();
    if !line.is_empty() && !line.windows(14).any(|words| words == b"sandbox\0serve\0") {
        return Err(Error::new(format!("process {} is not the sandbox that is running", running.pid)).help(
            format!("remove the files in {} and end the server by hand", instance.database().display()),
        ));
    }
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::new("the sandbox's state file holds no process number"))?;
    kill_process(pid, Signal::TERM)?;
    let started = Instant::now();
    while !instance.is_free()? {
        if started.elapsed() > STOP_TIMEOUT {
            return Err(Error::new(format!("the sandbox (process {}) does not end", running.pid)));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
