//! File systems that cannot do everything (network mounts, FUSE, object stores), emulated for one command: system calls
//! fail with the error that such a file system gives.

use std::{path::PathBuf, process::Command};

/// `EPERM`, what FUSE and sandboxes answer for what they do not allow.
pub const EPERM: i32 = 1;
/// `ENOLCK`, what NFS without a lock daemon answers.
pub const ENOLCK: i32 = 37;
/// `ENOSYS`, what a FUSE file system without the operation answers.
pub const ENOSYS: i32 = 38;
/// `EOPNOTSUPP`, what most file systems answer for what they cannot do.
pub const EOPNOTSUPP: i32 = 95;

/// Changes a command so that these system calls fail with these errors, in it and in everything it starts: `flock`,
/// `link`, `fallocate`, `O_TMPFILE` (`openat` with that flag), `fsync`, `chown`, `renameat2`, `copy_file_range`,
/// `memfd_create`. The command has only the variables that were set on it, as those of [`TestEnv`](crate::TestEnv) do;
/// standard input and output are set after this.
///
/// ```no_run
/// use astro_e2e::{TestEnv, filesystem::{ENOLCK, without}};
/// let env = TestEnv::new();
/// let mut command = env.astro();
/// without(command.args(["profile", "add", "x"]), &[("flock", ENOLCK)]);
/// env.ran(&mut command).ok();
/// ```
pub fn without(command: &mut Command, calls: &[(&str, i32)]) {
    let calls: Vec<String> = calls.iter().map(|(call, errno)| format!("{call}={errno}")).collect();
    let mut wrapped = Command::new(program());
    wrapped.arg(calls.join(",")).arg(command.get_program()).args(command.get_args()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = command.get_current_dir() {
        wrapped.current_dir(dir);
    }
    *command = wrapped;
}

/// Whether this kernel lets a process give up system calls. Skips where it does not.
pub fn may_filter() -> bool {
    let may =
        Command::new(program()).args(["flock=37", "true"]).status().is_ok_and(|status| status.success());
    if !may {
        crate::skip("this kernel or its container does not allow seccomp filters");
    }
    may
}

/// The program beside the tests, built with them.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let program = test.ancestors().nth(2).expect("two directories").join("without");
    assert!(program.is_file(), "{} is built by `cargo test -p astro-e2e`", program.display());
    program
}
