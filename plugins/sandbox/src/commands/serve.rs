//! `astro sandbox serve`: the server in the foreground, on a thread and a runtime of the plugin's own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use astro_plugin_sdk::{clap, prelude::*};
use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::{Conditions, open};
use crate::{
    api::{self, Server},
    database,
    instance::{Instance, Running},
};

/// Run the local Astro API in the foreground until Ctrl-C
#[derive(Args)]
pub(crate) struct Serve {
    /// The port to listen on; the one of the last time, or a free one, when it is not given
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Stop after this many minutes without a request
    #[arg(long, value_name = "MINUTES", default_value_t = 480)]
    idle_minutes: u32,
    #[command(flatten)]
    conditions: Conditions,
    /// Leave the session of the terminal that started it
    #[arg(long, hide = true)]
    detached: bool,
}

impl Command for Serve {
    const PATH: &'static str = "sandbox serve";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.streams_text()
            .number::<u16>("port", 1..=65535, "a port")
            .range::<u32>("idle_minutes", 1..=100_000, "minutes")
            .range::<u32>("latency", 0..=60_000, "milliseconds")
            .range::<u32>("session_lifetime", 1..=1_000_000, "seconds")
            .example(
                "astro sandbox serve --port 8888",
                "Serve where the official CLI looks with ASTRO_DOMAIN=localhost",
            )
            .see_also("sandbox start");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        if self.detached {
            // A process group leader cannot; it then stays where it is and ends with its terminal.
            let _ = rustix::process::setsid();
        }
        let instance = Instance::of(ctx.resolved())?;
        let Some(_lock) = instance.lock()? else {
            return Err(
                Error::new("the sandbox is running already").help("see where with `astro sandbox status`")
            );
        };
        let connection = open(&instance)?;
        let port = self.port.unwrap_or(0);
        // The port of the server before, where it is free: what was stored for that one is then right.
        let last = instance.last_port().filter(|_| self.port.is_none());
        let again = last.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        let bound = again.map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, port)), Ok);
        let listener = bound.map_err(|error| {
            Error::new(format!("cannot listen on 127.0.0.1:{port}"))
                .cause(error.to_string())
                .help("choose another `--port`, or none")
        })?;
        listener.set_nonblocking(true)?;
        let running = Running {
            pid: std::process::id(),
            port: listener.local_addr()?.port(),
            started_at: database::now(),
            conditions: self.conditions.arguments(),
        };
        let server = Arc::new(Server::new(connection, self.conditions.limits(), self.conditions.terms())?);
        let idle = Duration::from_secs(u64::from(self.idle_minutes) * 60);
        let database = instance.database();
        let (stop, stopped) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel::<std::result::Result<(), String>>();
        std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            // The receiver is gone when the command was cancelled.
            let _ = done.send(serve(listener, server, idle, &database, stopped));
        })?;
        instance.remember_port(running.port);
        instance.announce(&running)?;
        ctx.text(format!("The sandbox listens on {}\n", running.address())).await?;
        let cancelled = Box::pin(ctx.cancelled());
        let outcome = match select(cancelled, ended).await {
            Either::Left((_, ended)) => {
                let _ = stop.send(());
                ended.await
            }
            Either::Right((outcome, _)) => outcome,
        };
        instance.withdraw();
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::new("the sandbox's server failed").cause(error)),
            Err(_) => Err(Error::new("the sandbox's server ended without a word")),
        }
    }
}

fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    idle: Duration,
    database: &Path,
    stopped: oneshot::Receiver<()>,
) -> std::result::Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let (watch, database) = (Arc::clone(&server), database.to_owned());
        let until = async move {
            select(Box::pin(stopped), Box::pin(watch.useful_for(idle, &database))).await;
        };
        let service = api::router(server).into_make_service_with_connect_info::<api::Wire>();
        let serving = axum::serve(api::Wires(listener), service).with_graceful_shutdown(until);
        serving.await.map_err(|error| error.to_string())
    })
}
