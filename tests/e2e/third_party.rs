//! A third party ships a command: a crate of their own, outside this workspace, with nothing but the SDK.

use std::{fs, process::Command};

use astro_e2e::{TestEnv, workspace};

const MANIFEST: &str = r#"
[package]
name = "airflow-lint"
version = "2.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
astro-plugin-sdk = { path = "SDK" }

[workspace]
"#;

const LIBRARY: &str = r#"
use astro_plugin_sdk::prelude::*;

/// Check DAG files
#[derive(Args)]
struct Lint {
    /// The files
    files: Vec<String>,
    /// Which rules apply
    #[arg(long, value_parser = ["all", "errors"], default_value = "all")]
    rules: String,
}

impl Command for Lint {
    const PATH: &'static str = "airflow lint";
    type Output = ();

    fn declare(spec: &mut Spec) {
        spec.streams_text().file("files").exit_code(20, "something was found").example("astro airflow lint dags/etl.py", "Check a file");
    }

    async fn run(self, ctx: Context) -> Result<()> {
        let mut found = false;
        for file in &self.files {
            let text = std::fs::read_to_string(file).map_err(|error| Error::new(format!("cannot read `{file}`")).cause(error.to_string()))?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains("import *")) {
                found = true;
                ctx.text(format!("{file}:{}: {line} [{}]\n", number + 1, self.rules)).await?;
            }
        }
        if found { Err(Error::exit(20)) } else { Ok(()) }
    }
}

export_plugin!(Plugin::new("airflow-lint", env!("CARGO_PKG_VERSION")).publisher("Somebody Else").group("airflow", "Work with Airflow code").command::<Lint>());
"#;

#[test]
fn a_crate_outside_the_workspace_becomes_a_command() {
    let env = TestEnv::new();
    let dir = env.path("airflow-lint");
    fs::create_dir_all(dir.join("src")).expect("made");
    fs::write(
        dir.join("Cargo.toml"),
        MANIFEST.replace("SDK", &workspace().join("sdk").display().to_string()),
    )
    .expect("written");
    fs::write(dir.join("src/lib.rs"), LIBRARY).expect("written");
    // The versions of this workspace, so that nothing new is fetched.
    fs::copy(workspace().join("Cargo.lock"), dir.join("Cargo.lock")).expect("copied");
    let target = workspace().join("target/third-party");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .arg("build")
        .current_dir(&dir)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::copy(target.join("debug/libairflow_lint.so"), env.path("libairflow_lint.so")).expect("copied");
    fs::write(env.path("good.py"), "import os\n").expect("written");
    fs::write(env.path("bad.py"), "import os\nfrom x import *\n").expect("written");

    let mut session = env.transcript();
    session.run("plugin link libairflow_lint.so");
    session.run("plugin list -o clean");
    session.run("airflow");
    session.run("airflow lint --help");
    session.run("airflow lint good.py");
    session.run("airflow lint good.py bad.py");
    session.run("airflow lint bad.py -o json");
    session.run("airflow lint bad.py -o clean --rules errors");
    session.run("airflow lint --rules none");
    session.run("airflow lint missing.py -o json");
    session.run("plugin remove airflow-lint");
    session.run("airflow lint good.py");
    session.assert("journeys/author.txt");
}
