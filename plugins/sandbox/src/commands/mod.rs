//! The commands of the sandbox.

mod env;
mod reset;
mod serve;
mod start;
mod status;
mod stop;

pub(crate) use env::Env;
pub(crate) use reset::Reset;
pub(crate) use serve::Serve;
pub(crate) use start::Start;
pub(crate) use status::Status;
pub(crate) use stop::Stop;

use std::time::Duration;

use astro_plugin_api::{DEPLOYMENT, ORGANIZATION, WORKSPACE};
use astro_plugin_sdk::{Context, Error, Result, View, clap, protocol::service::ProfilePut};
use rusqlite::Connection;
use serde::Serialize;

use crate::{
    api::Limits,
    database::{self, Administrator},
    instance::{Instance, Running},
    issuer::Terms,
};

/// The profile that `start` leaves.
const PROFILE: &str = "sandbox";

// Conditions that a real network brings. (A doc comment here would become the help text of the commands.)
#[derive(clap::Args)]
struct Conditions {
    /// Wait this many milliseconds before each request is looked at
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency: u32,
    /// Apply the API's limits: 25 GET, 10 POST and 5 DELETE a second for each token
    #[arg(long)]
    rate_limits: bool,
    /// How many seconds a sign-in's access token works
    #[arg(long, value_name = "SECONDS", default_value_t = SESSION_SECONDS)]
    session_lifetime: u32,
    /// Give a new refresh token at each renewal of a sign-in, and end the session when an old one comes again
    #[arg(long)]
    rotate_refresh_tokens: bool,
}

/// How long an access token works when no other time is given.
const SESSION_SECONDS: u32 = 86_400;

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: 0,
            rate_limits: false,
            session_lifetime: SESSION_SECONDS,
            rotate_refresh_tokens: false,
        }
    }
}

impl Conditions {
    fn limits(&self) -> Limits {
        Limits { latency: Duration::from_millis(u64::from(self.latency)), rate_limits: self.rate_limits }
    }

    fn terms(&self) -> Terms {
        Terms {
            lifetime: Duration::from_secs(u64::from(self.session_lifetime)),
            rotates: self.rotate_refresh_tokens,
        }
    }

    /// The same conditions for the process in the background.
    fn arguments(&self) -> Vec<String> {
        let latency = format!("--latency={}", self.latency);
        let lifetime = format!("--session-lifetime={}", self.session_lifetime);
        let flags =
            [("--rate-limits", self.rate_limits), ("--rotate-refresh-tokens", self.rotate_refresh_tokens)];
        let flags = flags.into_iter().filter(|(_, is_on)| *is_on).map(|(flag, _)| flag.to_owned());
        [latency, lifetime].into_iter().chain(flags).collect()
    }
}

/// What `start` and `status` show.
#[derive(Serialize)]
struct State {
    status: &'static str,
    address: Option<String>,
    pid: Option<u32>,
    started_at: Option<String>,
    profile: &'static str,
    database: String,
    log: String,
}

impl State {
    fn of(instance: &Instance, running: Option<&Running>) -> Self {
        Self {
            status: if running.is_some() { "running" } else { "stopped" },
            address: running.map(Running::address),
            pid: running.map(|running| running.pid),
            started_at: running.map(|running| running.started_at.clone()),
            profile: PROFILE,
            database: instance.database().display().to_string(),
            log: instance.log().display().to_string(),
        }
    }

    fn view() -> View {
        View::record()
            .id("status", "STATUS")
            .id("address", "ADDRESS")
            .id("pid", "PID")
            .time("started_at", "STARTED")
            .id("profile", "PROFILE")
            .text("database", "DATABASE")
            .text("log", "LOG")
            .clean(["status", "address", "pid", "started_at", "profile"])
    }
}

fn open(instance: &Instance) -> Result<Connection> {
    database::open(&instance.database()).map_err(|error| {
        Error::new(format!("the sandbox's database `{}` cannot be opened", instance.database().display()))
            .cause(error.to_string())
    })
}

fn administrator(connection: &Connection, organization: Option<&str>) -> Result<Administrator> {
    database::administrator(connection, organization)?.ok_or_else(|| match organization {
        Some(name) => Error::new(format!("the sandbox has no organization `{name}`")),
        None => Error::new("the sandbox's database has no administrator")
            .help("put the seed back with `astro sandbox reset`"),
    })
}

/// Writes the profile `sandbox` for the running server.
async fn put_profile(ctx: &Context, instance: &Instance, running: &Running) -> Result<()> {
    let found = administrator(&open(instance)?, None)?;
    let settings =
        [(ORGANIZATION, found.organization), (WORKSPACE, found.workspace), (DEPLOYMENT, found.deployment)];
    let profile = settings
        .into_iter()
        .fold(ProfilePut::new(PROFILE, running.address(), found.token), |profile, (dimension, id)| {
            profile.setting_of(dimension, id)
        });
    let answer = ctx.put_profile(profile.started_by("sandbox start")).await?;
    if answer.active {
        ctx.notice(format!("The profile `{PROFILE}` is the default here.")).await
    } else {
        ctx.notice(format!("Use it with `--profile {PROFILE}`, or `export ASTRO_PROFILE={PROFILE}`.")).await
    }
}
