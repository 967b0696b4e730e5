//! The other side of the secret managers that keep nothing themselves: servers of a test's own, which end with it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use astro_e2e::{
    TestEnv, python,
    stub::{Reply, Stub},
};
use serde_json::{Value, json};

/// A program that runs as long as its test.
struct Server(Child);

impl Server {
    /// Starts it and waits for the line that tells that it listens; answers what stands after it.
    fn start(mut command: Command, listens: &str) -> (Self, String) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = Self(command.spawn().expect("it runs"));
        let mut seen = String::new();
        let mut lines = BufReader::new(server.0.stdout.take().expect("piped")).lines();
        while let Some(Ok(line)) = lines.next() {
            if let Some((_, rest)) = line.split_once(listens) {
                let rest = rest.trim().to_owned();
                // It goes on writing.
                std::thread::spawn(move || lines.for_each(drop));
                return (server, rest);
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("it does not listen: {seen}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// moto in place of AWS.
pub(super) struct Moto {
    _server: Server,
    pub(super) address: String,
}

impl Moto {
    pub(super) fn start(env: &TestEnv) -> Self {
        let mut command = env.clean(Command::new("sh"));
        command.args(["-c", "exec \"$0\" -H 127.0.0.1 -p 0 2>&1"]).arg(python().join("moto_server"));
        let (server, address) = Server::start(command, "Running on ");
        Self { _server: server, address }
    }
}

/// OpenBao's server, which keeps everything in memory.
pub(super) struct Bao {
    _server: Server,
    address: String,
}

impl Bao {
    pub(super) const TOKEN: &str = "root-of-the-test";

    /// It listens on a socket, so that it needs no port that is free by luck.
    pub(super) fn start(env: &TestEnv) -> Self {
        let socket = env.path("bao.sock");
        let config = env.path("bao.hcl");
        let listener = format!("listener \"unix\" {{\n  address = \"{}\"\n}}\n", socket.display());
        fs::write(&config, listener).expect("written");
        let mut command = env.clean(Command::new("sh"));
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(python().join("bao")).args(["server", "-dev"]);
        // Without the first of these it would replace ~/.vault-token.
        command.args(["-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"]);
        command
            .arg(format!("-dev-root-token-id={}", Self::TOKEN))
            .arg(format!("-config={}", config.display()));
        let (server, _) = Server::start(command, "Development mode should NOT be used");
        Self { _server: server, address: format!("unix://{}", socket.display()) }
    }

    pub(super) fn variables(&self) -> [(&'static str, String); 2] {
        [("BAO_ADDR", self.address.clone()), ("BAO_TOKEN", Self::TOKEN.to_owned())]
    }
}

/// As much of a Kubernetes API as `kubectl apply` and `kubectl get` of one secret need.
pub(super) struct Cluster {
    object: Arc<Mutex<Option<Value>>>,
    /// The path of a configuration that names it.
    pub(super) config: String,
}

impl Cluster {
    pub(super) fn start(env: &TestEnv) -> Self {
        let object = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&object);
        let stub = Stub::with_bodies(move |request, body| answer(&kept, request, body));
        let server = stub.address().trim_end_matches("/v1").to_owned();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": { "server": server } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
            "users": [{ "name": "test", "user": {} }],
        });
        fs::write(env.path("kubeconfig"), config.to_string()).expect("written");
        Self { object, config: env.path("kubeconfig").to_str().expect("text").to_owned() }
    }

    /// What was applied last.
    pub(super) fn object(&self) -> Value {
        self.object.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("applied")
    }
}

fn answer(kept: &Mutex<Option<Value>>, request: &str, body: &[u8]) -> Reply {
    const SECRET: &str = "/api/v1/namespaces/default/secrets/astro-nightly";
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match request.split('?').next().unwrap_or_default().split_once(' ') {
        Some(("GET", "/api")) => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        Some(("GET", "/apis")) => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }),
        Some(("GET", "/api/v1")) => json!({
            "kind": "APIResourceList", "groupVersion": "v1",
            "resources": [{ "name": "secrets", "singularName": "secret", "namespaced": true, "kind": "Secret",
                            "verbs": ["create", "get", "patch"] }],
        }),
        // No schema, so that nothing is checked against it: an empty message of protobuf.
        Some(("GET", "/openapi/v2")) => return Reply::Page(200, String::new()),
        // Server-side apply; the manifest of a secret with one key is the whole object. kubectl sends it as JSON.
        Some(("PATCH", SECRET)) if request.contains("force=true") => {
            let object: Value = serde_json::from_slice(body).expect("a manifest");
            kept.insert(object).clone()
        }
        Some(("GET", SECRET)) if kept.is_some() => kept.clone().unwrap_or_default(),
        _ => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                                 "reason": "NotFound", "message": "not found" });
            return Reply::Json(404, status.to_string());
        }
    };
    Reply::Json(200, found.to_string())
}

/// GitHub's API for the secrets of a repository, on a socket that `gh` is configured to use. It keeps what it gets in
/// the file `sealed`; `unseal.py` decrypts that as GitHub does.
pub(super) fn github(env: &TestEnv) {
    let script = "import base64, json, sys\n\
                  from nacl.public import PrivateKey, SealedBox\n\
                  if len(sys.argv) == 1:\n    \
                      key = PrivateKey.generate()\n    \
                      open('key', 'wb').write(bytes(key))\n    \
                      print(base64.b64encode(bytes(key.public_key)).decode())\n\
                  else:\n    \
                      box = SealedBox(PrivateKey(open('key', 'rb').read()))\n    \
                      sealed = base64.b64decode(json.load(open(sys.argv[1]))['encrypted_value'])\n    \
                      sys.stdout.buffer.write(box.decrypt(sealed))\n";
    fs::write(env.path("unseal.py"), script).expect("written");
    let made = env.clean(Command::new(python().join("python3"))).arg("unseal.py").output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let key = String::from_utf8(made.stdout).expect("text").trim().to_owned();
    let sealed = env.path("sealed");
    let socket = env.path("github.sock");
    Stub::on_socket(&socket, move |request, body| match request {
        "GET /repos/acme/pipelines/actions/secrets/public-key" => {
            Reply::Json(200, json!({ "key_id": "1", "key": key }).to_string())
        }
        "PUT /repos/acme/pipelines/actions/secrets/ASTRO_DEPLOY_TOKEN" => {
            fs::write(&sealed, body).expect("written");
            Reply::Json(201, "{}".to_owned())
        }
        _ => Reply::Json(404, json!({ "message": "Not Found" }).to_string()),
    });
    let dir = env.path("gh");
    fs::create_dir_all(&dir).expect("made");
    fs::write(dir.join("config.yml"), format!("http_unix_socket: {}\n", socket.display())).expect("written");
}
