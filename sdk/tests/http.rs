//! Requests as an author writes them, answered by the test kit.

use astro_plugin_sdk::{
    Paging, Response,
    prelude::*,
    serde_json::{Value, json},
    testing::{Host, Reply, When},
};

/// Send something
#[derive(Args)]
struct Send {
    /// What to send
    #[arg(long)]
    what: String,
    /// Where to
    #[arg(long)]
    file: Option<String>,
}

impl Command for Send {
    const PATH: &'static str = "send";
    const EFFECT: Effect = Effect::Destructive;
    type Output = Vec<Value>;

    fn declare(spec: &mut Spec) {
        spec.needs_api()
            .needs_host("status.example.com")
            .example("astro send --what get", "Send a GET")
            .output(View::list("rows").id("id", "ID").clean(["id"]));
    }

    async fn run(self, ctx: Context) -> Result<Vec<Value>> {
        let http = ctx.http();
        let status = http.at("https://status.example.com/api");
        let http = ctx.http();
        let rows = |found: Response| -> Result<Vec<Value>> { found.json() };
        match self.what.as_str() {
            "get" => rows(http.get(["rows"]).query("a", 1).header("x-own", "b").send().await?),
            "post" => rows(http.post(["rows"]).json(&json!({"name": "x"})).send().await?),
            "put" => rows(http.put(["rows"]).body("a,b", "text/csv").send().await?),
            "csv" => {
                let text = http.get(["rows"]).header("accept", "text/csv").send().await?.text()?;
                Ok(text.lines().map(|line| json!({"id": line})).collect())
            }
            "if-found" => match http.get(["rows"]).send_if_found().await? {
                Some(found) => rows(found),
                None => Ok(vec![json!({"id": "nothing"})]),
            },
            "head" => {
                let found = http.head(["rows"]).send().await?;
                Ok(vec![json!({"id": found.header("X-Total")})])
            }
            "offset" => http.get(["rows"]).pages(Paging::offset("rows").size("limit", 2)).await,
            "cursor" => status.get(["rows"]).pages(Paging::cursor("rows", "/meta/next", "after")).await,
            "link" => http.get(["rows"]).query("page", 1).pages(Paging::link()).await,
            "download" => {
                let file = self.file.unwrap_or_default();
                let bytes = http.get(["file"]).download(&file).await?;
                Ok(vec![json!({"id": bytes.to_string()})])
            }
            "elsewhere" => rows(http.at("https://other.example.com").get(["rows"]).send().await?),
            "delete" => rows(http.delete(["rows", "r1"]).send().await?),
            other => Err(Error::usage(format!("`{other}` is nothing"))),
        }
    }
}

fn host() -> Host {
    Host::new(Plugin::new("send", "1.0.0").command::<Send>())
}

fn rows(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"id": id})).collect()
}

#[test]
fn what_is_sent_is_what_was_said() {
    let host = host()
        .on(When::get("rows").query("a", 1).header("X-Own", "b"), Reply::json(rows(&["a"])))
        .on(When::post("rows").json(json!({"name": "x"})), Reply::json(rows(&["b"])).with_status(201))
        .on(When::put("rows"), Reply::json(rows(&["c"])));
    assert_eq!(host.run("astro send --what get -o clean").ok(), "a\n");
    assert_eq!(host.run("astro send --what post -o clean").ok(), "b\n");
    assert_eq!(host.run("astro send --what put -o clean").ok(), "c\n");
    assert_eq!(host.bodies()[2], b"a,b");
    assert_eq!(host.requests()[2].content_type.as_deref(), Some("text/csv"));
}

#[test]
fn an_answer_is_read_in_the_way_that_was_asked_for() {
    let csv = host().on(When::get("rows"), Reply::bytes("a\nb\n", "text/csv"));
    assert_eq!(csv.run("astro send --what csv -o clean").ok(), "a\nb\n");
    let ran = csv.run("astro send --what get");
    assert!(ran.code == 1 && ran.stderr.contains("the answer is not JSON"), "{}", ran.stderr);
    let absent = host().on(When::get("rows"), Reply::json(json!({"message": "no"})).with_status(404));
    assert_eq!(absent.run("astro send --what if-found -o clean").ok(), "nothing\n");
    let head = host().on(When::method("HEAD", "rows"), Reply::status(200).header("x-total", "7"));
    assert_eq!(head.run("astro send --what head -o clean").ok(), "7\n");
}

#[test]
fn a_write_whose_answer_cannot_be_read_may_have_been_done() {
    let host = host().on(When::post("rows"), Reply::json(json!({"not": "a list"})));
    let ran = host.run("astro send --what post");
    assert!(
        ran.code == 6 && ran.stderr.contains("`POST /rows` does not have the expected shape"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_refusal_is_the_failure_that_the_host_makes_of_it() {
    let base = "https://status.example.com/api";
    for (what, when, status, body, code, words) in [
        ("post", When::post("rows"), 503, json!({"message": "busy"}), 6, "busy (503)"),
        ("get", When::get("rows"), 503, json!({"message": "busy"}), 1, "the API answered: busy (503)"),
        ("get", When::get("rows"), 401, json!({"message": "old"}), 4, "does not accept the credential: old"),
        (
            "cursor",
            When::get("rows").at(base),
            401,
            json!({"error": "key"}),
            1,
            "`status.example.com` answered: key (401)",
        ),
    ] {
        let host = host().on(when, Reply::json(body).with_status(status));
        let ran = host.run(&format!("astro send --what {what}"));
        assert!(ran.code == code && ran.stderr.contains(words), "{what} {status}: {ran:?}");
    }
    let host = host().on(When::post("rows"), Reply::bytes("<html>", "text/html"));
    assert_eq!(host.run("astro send --what post").code, 6);
}

#[test]
fn every_page_of_a_list_is_read() {
    let page = |ids: &[&str]| Reply::json(json!({"rows": rows(ids), "totalCount": 5}));
    let offset = host()
        .on(When::get("rows").query("offset", 0).query("limit", 2), page(&["a", "b"]))
        .on(When::get("rows").query("offset", 2), page(&["b", "c"]))
        .on(When::get("rows").query("offset", 4), page(&["d", "e"]));
    assert_eq!(offset.run("astro send --what offset -o clean").ok(), "a\nb\nc\nd\ne\n", "`b` moved");
    let base = "https://status.example.com/api";
    let page = |ids: &[&str], next: Value| Reply::json(json!({"rows": rows(ids), "meta": {"next": next}}));
    let cursor = host()
        .on(When::get("rows").at(base), page(&["a"], json!("x&1")))
        .on(When::get("rows").at(base).query("after", "x&1"), page(&["b"], json!(7)))
        .on(When::get("rows").at(base).query("after", 7), page(&["c"], Value::Null));
    assert_eq!(cursor.run("astro send --what cursor -o clean").ok(), "a\nb\nc\n");
    let link = |page: u8| {
        format!("<https://x/rows?page={page}>; rel=\"next\", <https://x/rows?page=9>; rel=\"last\"")
    };
    let links = host()
        .on(When::get("rows").query("page", 1), Reply::json(rows(&["a"])).header("link", &link(2)))
        .on(When::get("rows").query("page", 2), Reply::json(rows(&["b"])));
    assert_eq!(links.run("astro send --what link -o clean").ok(), "a\nb\n");
    let asked = links.requests()[1].query.clone();
    assert_eq!(asked, [("page".to_owned(), "2".to_owned())], "the first page's is replaced");
}

#[test]
fn a_list_that_is_not_whole_is_an_error() {
    let base = "https://status.example.com/api";
    let rows_and = |next: &str| Reply::json(json!({"rows": rows(&["a"]), "meta": {"next": next}}));
    let circle = host()
        .on(When::get("rows").at(base), rows_and("x"))
        .on(When::get("rows").at(base).query("after", "x"), rows_and("x"));
    let ran = circle.run("astro send --what cursor");
    assert!(ran.code == 1 && ran.stderr.contains("loop"), "{}", ran.stderr);
    for (body, expected) in [
        (json!({"rows": rows(&["a"]), "totalCount": 3}), "the API says there are 3 rows and sends 1"),
        (json!({"rows": rows(&["a"])}), "does not say how many rows there are"),
        (json!({"others": []}), "holds no list of rows"),
        (json!([]), "holds no list of rows"),
        (json!({"rows": {}, "totalCount": 1}), "holds no list of rows"),
    ] {
        let ran = host().on(When::get("rows"), Reply::json(body)).run("astro send --what offset");
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

#[test]
fn pages_that_bring_nothing_new_end() {
    let base = "https://status.example.com/api";
    let mut host = host();
    for page in 0..20 {
        let body = json!({"rows": [], "meta": {"next": page}});
        let when = When::get("rows").at(base);
        let when = if page == 0 { when } else { when.query("after", page - 1) };
        host = host.on(when, Reply::json(body));
    }
    let host = host.lenient();
    let ran = host.run("astro send --what cursor");
    assert!(ran.code == 1 && ran.stderr.contains("loop"), "{}", ran.stderr);
    assert_eq!(host.requests().len(), 10);
}

#[test]
fn a_next_page_is_never_overlooked() {
    let other = "<https://x/rows/2>; rel=\"next\"";
    let host = host().on(When::get("rows"), Reply::json(rows(&["a"])).header("link", other));
    let ran = host.run("astro send --what link");
    assert!(ran.code == 1 && ran.stderr.contains("at another path"), "{}", ran.stderr);
    let first = Reply::json(rows(&["a"]))
        .header("link", "<https://x/rows?page=9>; rel=\"last\"")
        .header("link", "<https://x/rows?page=2>; rel=\"next\"");
    let host = self::host()
        .on(When::get("rows").query("page", 1), first)
        .on(When::get("rows").query("page", 2), Reply::json(rows(&["b"])));
    assert_eq!(host.run("astro send --what link -o clean").ok(), "a\nb\n", "the second line of the header");
}

#[test]
fn a_file_is_downloaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("log.gz");
    let host = host().on(When::get("file"), Reply::bytes([0, 159, 146], "application/gzip"));
    let line = format!("astro send --what download --file {} -o clean", path.display());
    assert_eq!(host.run(&line).ok(), "3\n");
    assert_eq!(std::fs::read(&path).expect("written"), [0, 159, 146]);
}

#[test]
fn another_api_has_to_be_declared() {
    let ran = host().run("astro send --what elsewhere");
    assert!(ran.stderr.contains("`send` does not declare the host `other.example.com`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("spec.needs_host(\"other.example.com\")"), "{}", ran.stderr);
}

#[test]
fn a_delete_waits_for_a_yes() {
    let host = host().on(When::delete("rows/r1"), Reply::json(rows(&[])));
    let ran = host.run("astro send --what delete");
    assert!(ran.code == 2 && ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert_eq!(host.requests().len(), 0);
    host.run("astro send --what delete --yes").ok();
}

#[test]
#[should_panic(expected = "no request came for GET rows?page=1")]
fn an_answer_that_nothing_asks_for_fails_the_test() {
    drop(host().on(When::get("rows").query("page", 1), Reply::status(204)));
}

#[test]
fn an_answer_that_tests_share_may_stay_unused() {
    drop(host().on(When::get("rows"), Reply::status(204)).lenient());
}

#[test]
fn an_answer_may_be_given_some_times_only() {
    let host = host()
        .on(When::get("rows"), Reply::json(rows(&["later"])))
        .on(When::get("rows").times(1), Reply::json(rows(&["first"])));
    let line = "astro send --what get -o clean";
    assert_eq!((host.run(line).ok(), host.run(line).ok()), ("first\n".to_owned(), "later\n".to_owned()));
}
