//! A container without an engine: a root of its own in mounts and a PID namespace of its own. Programs come from
//! this machine's `/usr`; everything else is the image's. It needs root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Ran, TestEnv, root};

/// What every process of a container finds in its environment.
const ENVIRONMENT: &[(&str, &str)] = &[
    // The programs that make a container are looked up in it, too.
    ("PATH", "/opt/astro/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
    ("HOME", "/mnt/home"),
    ("XDG_DATA_HOME", "/opt/data"),
    ("XDG_CONFIG_HOME", "/mnt/config"),
    ("LANG", "C.UTF-8"),
];

/// Mounts what a container has. `$1` is the image's directory, `$2` the installed tree, `$3` where the volumes are, or
/// nothing while the image is built.
const MOUNTS: &str = r#"set -e
cd "$1"
mount --bind . .
cd "$1"
mount --bind /usr usr
mount --bind "$2" opt/astro
mount --bind /dev/null dev/null
mount -t proc proc proc
if [ -n "$3" ]; then
    mount --bind "$3/home" mnt/home
    mount --bind "$3/config" mnt/config
    mount -o remount,ro,bind mnt/config
    mount -o remount,ro,bind .
fi
shift 3
exec "$@"
"#;

/// An image, and the volumes of those who run it: `/mnt/home` can be written, `/mnt/config` cannot.
pub struct Container<'a> {
    env: &'a TestEnv,
    image: PathBuf,
    volumes: PathBuf,
}

impl<'a> Container<'a> {
    /// An image without certificates and with no user but root, and two empty volumes. `/mnt/home` belongs to the
    /// group of root.
    pub fn new(env: &'a TestEnv) -> Self {
        let (image, volumes) = (env.path("image"), env.path("volumes"));
        for dir in ["usr", "etc", "dev", "proc", "tmp", "opt/astro", "opt/data", "mnt/home", "mnt/config"] {
            fs::create_dir_all(image.join(dir)).expect("made");
        }
        for dir in ["home", "config"] {
            fs::create_dir_all(volumes.join(dir)).expect("made");
        }
        for dir in ["bin", "lib", "lib64"] {
            symlink(format!("usr/{dir}"), image.join(dir)).expect("made");
        }
        fs::write(image.join("dev/null"), "").expect("written");
        fs::write(image.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("written");
        for (dir, mode) in [(&image, 0o755), (&volumes.join("home"), 0o770)] {
            fs::set_permissions(dir, fs::Permissions::from_mode(mode)).expect("set");
        }
        Self { env, image, volumes }
    }

    /// A path of the image, seen from outside.
    pub fn image(&self, path: &str) -> PathBuf {
        self.image.join(path)
    }

    /// A path of a volume, seen from outside: `home/token` is `/mnt/home/token` in the container.
    pub fn volume(&self, path: &str) -> PathBuf {
        self.volumes.join(path)
    }

    /// Runs a line of a shell as root while the image can be written: a step of its build.
    pub fn build(&self, line: &str) -> Ran {
        let mut command = self.enter(Path::new(""), &["--userspec", "0:0"]);
        self.env.ran(command.args(["sh", "-c", line]))
    }

    /// A command, to which its program and arguments are added, as the first process of a new container. The root is
    /// read-only; the user has this number, the group of root, and 2000, the group of the mounted volumes.
    pub fn first_process(&self, uid: u32) -> Command {
        self.enter(&self.volumes, &["--userspec", &format!("{uid}:0"), "--groups", "2000"])
    }

    fn enter(&self, volumes: &Path, chroot: &[&str]) -> Command {
        let mut command = self.env.clean(Command::new("unshare"));
        command.args(["--mount", "--pid", "--fork", "sh", "-c", MOUNTS, "sh"]);
        command.args([self.image.as_path(), &root(), volumes]).arg("chroot").args(chroot).arg(".");
        for name in ["ASTRO_HOME", "HTTPS_PROXY", "DBUS_SESSION_BUS_ADDRESS"] {
            command.env_remove(name);
        }
        command.envs(ENVIRONMENT.iter().copied());
        command
    }
}
