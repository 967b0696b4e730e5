//! A plugin for another API than the profile's, against a server: written against the documentation for authors alone.

use std::fs;

use astro_e2e::{
    Ran, TestEnv, fixture, says,
    stub::{Reply, Stub},
};

fn page(request: &str) -> Reply {
    let incidents = |id: &str, next: &str| {
        Reply::Json(
            200,
            format!(
                r#"{{"incidents":[{{"id":"{id}","name":"Late","status":"resolved","created_at":"2026-01-31T10:00:00Z","seconds":7500}}],"meta":{{"next":{next}}}}}"#
            ),
        )
    };
    match request {
        "GET /v1/summary.json" => Reply::Json(
            200,
            r#"{"components":[{"name":"API","status":"major_outage","updated_at":"2026-01-31T10:00:00Z"}]}"#
                .to_owned(),
        ),
        "GET /v1/incidents.json?limit=100" => incidents("i3", "\"c1\""),
        "GET /v1/incidents.json?limit=100&after=c1" => incidents("i2", "\"c2\""),
        "GET /v1/incidents.json?limit=100&after=c2" => incidents("i1", "null"),
        "POST /v1/incidents.json" => Reply::Json(
            201,
            r#"{"id":"i4","name":"Late","status":"open","created_at":"2026-01-31T10:00:00Z"}"#.to_owned(),
        ),
        "GET /v1/history.csv" => Reply::Page(200, "id,name\n".repeat(100_000)),
        "DELETE /v1/incidents/i4" => Reply::Json(204, String::new()),
        _ => Reply::Json(404, r#"{"error":{"message":"no such page"}}"#.to_owned()),
    }
}

struct Page {
    env: TestEnv,
    stub: Stub,
}

impl Page {
    fn new() -> Self {
        let env = TestEnv::new();
        env.run([std::ffi::OsStr::new("plugin"), "link".as_ref(), fixture("statuspage").as_os_str()]).ok();
        let stub = Stub::new(page);
        env.run(["config", "set", "plugins.fixture-statuspage.url", &stub.address()]).ok();
        Self { env, stub }
    }

    /// With a credential of the user's, which the page must not get.
    fn run(&self, line: &str) -> Ran {
        let mut astro = self.env.astro();
        astro.env("ASTRO_API_TOKEN", "opaque-token-of-the-user").env("STATUS_KEY", "key-of-the-page");
        self.env.ran(astro.args(line.split(' ')))
    }
}

#[test]
fn another_api_is_read_written_and_downloaded_without_the_users_credential() {
    let page = Page::new();
    assert_eq!(page.run("status show --exit-status -o clean").code, Some(20));
    let listed = page.run("status incident list -o clean").ok();
    assert_eq!(
        listed, "i3\tLate\tresolved\ni2\tLate\tresolved\ni1\tLate\tresolved\n",
        "every page, in order"
    );
    assert!(page.run("status incident list").ok().contains("2h 5m"));
    assert_eq!(page.run("status incident report Late -o clean").ok(), "i4\tLate\topen\n");
    let file = page.env.path("history.csv");
    fs::write(&file, "before").expect("written");
    assert!(page.run("status export history.csv -o clean").ok().ends_with("\t800000\n"));
    assert_eq!(fs::read_to_string(&file).expect("read"), "id,name\n".repeat(100_000));
    says(&page.run("status incident delete i4"), 2, &["--yes"]);
    page.run("status incident delete i4 --yes").ok();
    says(&page.run("status incident delete i9 --yes"), 1, &["`i9`", "astro status incident list"]);
    let heads = page.stub.heads();
    assert!(heads.iter().all(|head| !head.contains("opaque-token-of-the-user")), "{heads:?}");
    assert_eq!(heads.iter().filter(|head| head.contains("authorization: OAuth key-of-the-page")).count(), 3);
}

#[test]
fn what_the_page_refuses_or_breaks_off_leaves_everything_as_it_was() {
    let page = Page::new();
    let url = format!("{}/nothing", page.stub.address());
    page.env.run(["config", "set", "plugins.fixture-statuspage.url", &url]).ok();
    says(&page.run("status show"), 1, &["no such page", "404"]);
    let file = page.env.path("history.csv");
    fs::write(&file, "before").expect("written");
    says(&page.run("status export history.csv"), 1, &["404"]);
    let half = Stub::new(|_| Reply::Half(200, "{}".to_owned()));
    page.env.run(["config", "set", "plugins.fixture-statuspage.url", &half.address()]).ok();
    says(&page.run("status export history.csv"), 5, &[]);
    assert_eq!(fs::read_to_string(&file).expect("read"), "before");
    let left: Vec<String> = fs::read_dir(page.env.path("."))
        .expect("listed")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.starts_with(".download"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let away = Stub::new(|_| Reply::Redirect(302, "https://example.com/".to_owned()));
    page.env.run(["config", "set", "plugins.fixture-statuspage.url", &away.address()]).ok();
    says(&page.run("status show"), 1, &["redirect"]);
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    let page = Page::new();
    let slow = Stub::new(|_| Reply::Later(std::time::Duration::from_secs(20), 200, "{}".to_owned()));
    page.env.run(["config", "set", "plugins.fixture-statuspage.url", &slow.address()]).ok();
    let mut astro = page.env.astro();
    astro.args(["status", "export", "history.csv"]).stderr(std::process::Stdio::null());
    let mut child = astro.spawn().expect("started");
    while slow.seen().is_empty() {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill").success());
    assert!(!child.wait().expect("ended").success());
    let left: Vec<std::path::PathBuf> = fs::read_dir(page.env.path("."))
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(!left.iter().any(|path| path.to_string_lossy().contains("download")), "{left:?}");
    assert!(!page.env.path("history.csv").exists());
}

#[test]
fn a_host_that_is_not_declared_is_not_asked() {
    let page = Page::new();
    page.env.run(["config", "set", "plugins.fixture-statuspage.url", "https://other.example.com"]).ok();
    says(&page.run("status show"), 1, &["`other.example.com`"]);
    page.env
        .run(["config", "set", "plugins.fixture-statuspage.url", "https://status.example.com@127.0.0.1/"])
        .ok();
    says(&page.run("status show"), 1, &["https://HOST/PATH"]);
    let info = page.env.run(["plugin", "info", "fixture-statuspage"]).ok();
    assert!(info.contains("reaches status.example.com"), "{info}");
}
