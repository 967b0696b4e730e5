//! Interrupts, deliveries, profiles and progress, as the test kit tells them.

use astro_plugin_sdk::{
    Either,
    prelude::*,
    protocol::service::{ContextSelect, ProfilePut},
    select,
    serde_json::{Value, json},
    testing::{Host, Reply, TokenSink, When},
};

/// Do something that ends in several ways
#[derive(Args)]
struct Work {
    /// What to do
    #[arg(long)]
    what: String,
}

#[derive(Serialize)]
struct Token {
    id: String,
}

impl Command for Work {
    const PATH: &'static str = "work";
    const EFFECT: Effect = Effect::Write;
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .changes_profiles()
            .delivers_secret()
            .example("astro work --what poll", "Wait for ever");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let polling = async || -> Result<Value> {
            loop {
                let _: Value = ctx.http().get(["runs"]).send().await?.json()?;
            }
        };
        match self.what.as_str() {
            "poll" => polling().await.map(drop),
            "tidy" => match select(Box::pin(polling()), Box::pin(ctx.cancelled())).await {
                Either::Left((ended, _)) => ended.map(drop),
                Either::Right(_) => ctx.notice("tidied up").await,
            },
            "secret" => {
                let record = Token { id: "t1".to_owned() };
                ctx.emit_secret(View::record().id("id", "ID"), &record, "token", "hush".to_owned()).await
            }
            "profile" => {
                let profile =
                    ProfilePut::new("local", "http://127.0.0.1:8000/v1", "hush").setting_of("team", "t1");
                ctx.put_profile(profile).await.map(drop)
            }
            "far-profile" => {
                ctx.put_profile(ProfilePut::new("far", "https://x.example/v1", "x")).await.map(drop)
            }
            "select" => ctx.set_context(ContextSelect::new().take_out("nowhere")).await.map(drop),
            "progress" => {
                let mut progress = ctx.progress("Reading files", Some(2)).await?;
                progress.advance(1).await?;
                progress.advance(1).await
            }
            other => Err(Error::usage(format!("`{other}` is nothing"))),
        }
    }
}

fn host() -> Host {
    Host::new(Plugin::new("work", "1.0.0").command::<Work>())
}

#[test]
fn an_interrupt_ends_a_command_where_it_is() {
    let host = host().get("runs", json!([])).interrupt_after(3);
    let ran = host.run("astro work --what poll");
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(host.requests().len(), 3);
}

#[test]
fn a_command_that_waits_for_an_interrupt_tidies_up() {
    let host = host().get("runs", json!([])).interrupt_after(3);
    let ran = host.run("astro work --what tidy");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "tidied up\n"), "{ran:?}");
}

#[test]
fn a_secret_goes_to_its_sink_or_nowhere() {
    let shown = host();
    assert!(shown.run("astro work --what secret").ok().contains("hush"));
    let elsewhere = host().token_sink(TokenSink::Elsewhere);
    let ran = elsewhere.run("astro work --what secret -o json").ok();
    assert!(ran.contains("t1") && !ran.contains("hush"), "{ran}");
    assert_eq!(elsewhere.delivered(), ["hush"]);
    let broken = host().token_sink(TokenSink::Broken("the disk is full".to_owned()));
    let ran = broken.run("astro work --what secret");
    assert!(ran.code == 7 && ran.stderr.contains("the disk is full"), "{ran:?}");
    assert_eq!(broken.delivered().len(), 0);
}

#[test]
fn profiles_and_selections_are_told() {
    let host = host();
    host.run("astro work --what profile").ok();
    assert_eq!(host.profiles()[0].name, "local");
    assert_eq!(host.profiles()[0].setting("team"), Some("t1"));
    let ran = host.run("astro work --what far-profile");
    assert!(ran.stderr.contains("on this machine"), "{ran:?}");
    let ran = host.run("astro work --what select");
    assert!(ran.stderr.contains("`nowhere` cannot be selected"), "{ran:?}");
    assert_eq!(host.selected().len(), 0);
}

#[test]
fn progress_is_told() {
    let host = host();
    host.run("astro work --what progress").ok();
    assert_eq!(
        host.progress(),
        ["Reading files 0/2", "Reading files 1/2", "Reading files 2/2", "Reading files ended"]
    );
}

#[test]
fn a_request_that_never_comes_fails_the_test_of_it() {
    let host = host().on(When::get("runs").times(1), Reply::status(500)).lenient();
    assert_eq!(host.run("astro work --what poll").code, 1);
}
