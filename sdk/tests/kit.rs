//! The test kit finds what it is there to find: each slip of an author has its message.

#![cfg(feature = "testing")]

use std::panic::catch_unwind;

use astro_plugin_sdk::{
    prelude::*,
    serde_json::{Value, json},
    testing::{self, Host},
};

/// Do one of several things
#[derive(Args)]
struct Act {
    /// What
    #[arg(long, default_value = "nothing")]
    what: String,
    /// Completed
    #[arg(long)]
    value: Option<String>,
}

impl Command for Act {
    const PATH: &'static str = "act";
    const EFFECT: Effect = Effect::Destructive;
    type Output = Value;

    fn declare(spec: &mut Spec) {
        spec.output(View::record().text("done", "DONE").text("missing", "MISSING").clean(["done"]))
            .completes("value")
            .exit_code(20, "it was asked for")
            .example("astro act", "Do nothing")
            .example("astro act --what \"fail\"", "Fail");
    }

    async fn run(self, ctx: Context) -> Result<Value> {
        match self.what.as_str() {
            "fail" => return Err(Error::new("it failed").help("do not ask for it")),
            "exit" => return Err(Error::exit(20)),
            "io" => drop(std::fs::read("/nothing at all")?),
            "io-context" => drop(std::fs::read("/nothing at all").context(|| "cannot read it")?),
            "undeclared-exit" => return Err(Error::exit(21)),
            "list" => return Ok(json!([{"done": "x"}])),
            "number" => return Ok(json!(1)),
            "request" => drop(ctx.http().get(["organizations"]).send().await?),
            "text" => ctx.text("x").await?,
            "program" => drop(ctx.process("true").run().await?),
            "ask" => return Ok(json!({"done": ctx.prompt("Which", "--what <WHAT>").await?, "missing": 1})),
            "confirm" => ctx.confirm("Really?").detail("all of it").or_exit().await?,
            "pick" => {
                let index =
                    ctx.select("Which one?", "--what <WHAT>").items(["first", "second"]).ask().await?;
                return Ok(json!({"done": index, "missing": 1}));
            }
            "blocking" => return ctx.blocking(|| Ok(json!({"done": "blocked", "missing": 1}))).await,
            "whole" => return Ok(json!({"done": "whole", "missing": "there"})),
            "panic" => panic!("about nothing"),
            "nothing" => return Ok(Value::Null),
            other => return Ok(json!({"done": other})),
        }
        Ok(json!({"done": self.what, "missing": 1}))
    }

    async fn complete(asked: Completing, ctx: Context) -> Result<Vec<Candidate>> {
        if asked.option("what") == Some("write") {
            ctx.http().post(["organizations"]).send().await?;
        }
        let values = ["one", "two", "", "--yes", "a\nb"];
        Ok(values.map(|value| Candidate::new(value, asked.typed())).to_vec())
    }
}

/// Ask the API
#[derive(Args)]
struct Bad {
    /// Taken by astro
    #[arg(long)]
    dry_run: bool,
}

impl Command for Bad {
    const PATH: &'static str = "profile bad";
    const EFFECT: Effect = Effect::Read;
    type Output = Vec<String>;

    fn declare(spec: &mut Spec) {
        spec.file("nothing").completes("nothing").example("astro act", "Another one's");
        spec.optional_bool("dry_run").optional_bool("dry_run");
    }

    async fn run(self, _: Context) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

fn plugin() -> Plugin {
    Plugin::new("kit", "1.0.0").command::<Act>()
}

fn host() -> Host {
    Host::new(plugin())
}

#[test]
fn each_end_of_a_command_has_its_code_and_words() {
    for (line, code, words) in [
        ("astro act", 0, ""),
        ("astro act --what whole", 0, ""),
        ("astro act --what blocking", 0, ""),
        ("astro act --what fail", 1, "error: it failed\nhelp: do not ask for it"),
        ("astro act --what exit", 20, ""),
        ("astro act --what io", 126, "its error names no object: No such file or directory (os error 2)"),
        ("astro act --what io-context", 1, "error: cannot read it\ncaused by: no such file"),
        ("astro act --what undeclared-exit", 126, "the code 21, which its manifest does not declare"),
        ("astro act --what panic", 126, "it panicked: about nothing"),
        ("astro act --what list", 126, "gives a list and declares no `View::list`"),
        ("astro act --what number", 126, "gives neither a record nor a list"),
        ("astro act --what slip", 126, "declares the column `missing`, which no record has"),
        ("astro act --what request", 1, "declare it with `spec.needs_api()`"),
        ("astro act --what text", 1, "declare it with `spec.streams_text()`"),
        ("astro act --what program", 1, "declare it with `spec.runs_programs()`"),
        ("astro act --what ask", 2, "needs `--what <WHAT>`, because it cannot prompt here"),
        ("astro act --what confirm", 2, "needs `--yes`"),
        ("astro act --what confirm -y", 0, ""),
        ("astro act --waht x", 2, "help: did you mean `--what`?"),
        ("astro act --what", 2, "`--what <WHAT>` needs a value"),
        ("astro act more", 2, "does not take the argument `more`"),
        ("astro", 127, "no such command"),
        ("astro atc", 127, "did you mean `astro act`?"),
    ] {
        let ran = host().run(line);
        assert!(ran.code == code && ran.stderr.contains(words), "{line}: {ran:?}");
    }
    let error = host().run("astro act --what fail -o json");
    assert_eq!(
        error.stderr,
        "{\"error\":\"it failed\",\"kind\":\"failed\",\"exit_code\":1,\"help\":[\"do not ask for it\"]}\n"
    );
}

#[test]
fn somebody_at_the_terminal_answers_and_nobody_under_json() {
    let shown = |line: &str, answers: &[&str]| {
        let ran = host().typing(answers.iter().copied()).run(line);
        (ran.stdout, ran.code)
    };
    assert_eq!(shown("astro act --what ask", &["me"]), ("DONE     me\nMISSING  1\n".to_owned(), 0));
    assert_eq!(shown("astro act --what confirm", &["n"]).1, 130);
    assert_eq!(shown("astro act --what confirm", &["y"]).1, 0);
    assert_eq!(shown("astro act --what pick", &["sec"]), ("DONE     1\nMISSING  1\n".to_owned(), 0));
    assert_eq!(shown("astro act --what pick", &["third"]).1, 1);
    assert_eq!(shown("astro act --what ask", &[]).1, 1, "the script is at its end");
    assert_eq!(shown("astro act --what ask -o json", &["me"]).1, 2);
    assert_eq!(shown("astro act --what ask --no-input", &["me"]).1, 2);
}

#[test]
fn completion_reads_and_nothing_else() {
    let values = |line: &str, typed: &str| -> Vec<String> {
        host().complete(line, "value", typed).into_iter().map(|one| one.value).collect()
    };
    assert_eq!(values("astro act", ""), ["one", "two"]);
    assert_eq!(values("astro act", "t"), ["two"]);
    let undeclared = said(|| drop(host().complete("astro act", "what", "")));
    assert!(undeclared.contains("declare it with `spec.completes`"), "{undeclared}");
    let refused = catch_unwind(|| values("astro act --what write", "")).expect_err("a write is refused");
    let said = refused.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(said.contains("cannot send POST: a shell completes a line"), "{said}");
}

/// What a panic says.
fn said(check: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(check).expect_err("it finds something");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn conformance_lists_every_rule_that_is_broken() {
    testing::conformance(plugin());
    let said = said(|| testing::conformance(plugin().command::<Bad>()));
    for part in [
        "the word `profile` belongs to the host itself",
        "takes a name that is reserved for the host",
        "declares something about an argument `nothing` that it does not have",
        "`profile bad` declares how `dry_run` is read twice",
        "`profile bad` declares the kind of `nothing` twice",
        "the example `astro act` of `profile bad` is refused: it is a line of `act`",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn examples_that_do_not_work_are_listed_with_what_they_said() {
    let said = said(|| testing::examples(&host()));
    assert!(
        said.starts_with("1 examples do not work") && said.contains("ended with 1: error: it failed"),
        "{said}"
    );
}

/// Show records without saying what scripts get
#[derive(Args)]
struct Plain {
    /// What
    #[arg(long)]
    what: String,
}

impl Command for Plain {
    const PATH: &'static str = "plain";
    const EFFECT: Effect = Effect::Read;
    type Output = ();

    async fn run(self, ctx: Context) -> Result<()> {
        let record = json!({"first": 1, "second": 2, "later": 3});
        match self.what.as_str() {
            "record" => ctx.emit(View::record().text("second", "2").id("first", "1"), &record).await,
            "list" => {
                let view = View::list("rows").text("second", "2");
                ctx.emit_list(view, [record.clone(), record]).await
            }
            "nothing" => ctx.emit_list(View::list("rows").text("second", "2"), Vec::<Value>::new()).await,
            "declared" => ctx.emit(View::record().text("second", "2").clean(["first"]), &record).await,
            "sentence" => ctx.emit(View::sentence("Done."), &record).await,
            other => Err(Error::usage(format!("nothing is called `{other}`"))),
        }
    }
}

/// Fields of `-o clean` are a promise: a view gives those of its columns, and never one that a record got later.
#[test]
fn scripts_get_the_columns_that_are_declared() {
    let host = Host::new(Plugin::new("plain", "1.0.0").about("Plain").command::<Plain>());
    for (what, clean) in [
        ("record", "2\t1\n"),
        ("list", "2\n2\n"),
        ("nothing", ""),
        ("declared", "1\n"),
        // Nothing is declared: the record's own keys.
        ("sentence", "1\t2\t3\n"),
    ] {
        assert_eq!(host.run(&format!("astro plain --what {what} -o clean")).ok(), clean, "{what}");
    }
}
