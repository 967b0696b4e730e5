//! Runs a program without some system calls: `without CALL=ERRNO[,CALL=ERRNO…] PROGRAM [ARG…]`. Each call fails with that
//! number, in the program and in everything it starts. See `astro_e2e::filesystem`.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

fn main() -> ExitCode {
    let outcome = run();
    #[expect(clippy::print_stderr, reason = "the test that started it shows it")]
    if let Err(error) = outcome {
        eprintln!("without: {error}");
    }
    // As `env` ends when it cannot run a program.
    ExitCode::from(126)
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let calls = args.next().and_then(|calls| calls.into_string().ok()).ok_or("no calls")?;
    let program = args.next().ok_or("no program")?;
    // One filter has one errno.
    for call in calls.split(',') {
        let (name, errno) = call.split_once('=').ok_or("a call without an errno")?;
        let filter = SeccompFilter::new(
            rules(name)?,
            SeccompAction::Allow,
            SeccompAction::Errno(errno.parse()?),
            env::consts::ARCH.try_into()?,
        )?;
        seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    }
    Err(Command::new(program).args(args).exec().into())
}

/// What is caught. An empty list of conditions is every call.
fn rules(name: &str) -> Result<BTreeMap<i64, Vec<SeccompRule>>, Box<dyn Error>> {
    let flags = |at: u8, all: i32| -> Result<Vec<SeccompRule>, Box<dyn Error>> {
        let wanted = u64::try_from(all)?;
        let operator = SeccompCmpOp::MaskedEq(wanted);
        let condition = SeccompCondition::new(at, SeccompCmpArgLen::Dword, operator, wanted)?;
        Ok(vec![SeccompRule::new(vec![condition])?])
    };
    let every = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect();
    Ok(match name {
        "O_TMPFILE" => BTreeMap::from([(libc::SYS_openat, flags(2, libc::O_TMPFILE)?)]),
        "chown" => every(&[libc::SYS_fchown, libc::SYS_fchownat]),
        "copy_file_range" => every(&[libc::SYS_copy_file_range]),
        "fallocate" => every(&[libc::SYS_fallocate]),
        "flock" => every(&[libc::SYS_flock]),
        "fsync" => every(&[libc::SYS_fsync, libc::SYS_fdatasync]),
        #[cfg(target_arch = "x86_64")]
        "link" => every(&[libc::SYS_link, libc::SYS_linkat]),
        #[cfg(not(target_arch = "x86_64"))]
        "link" => every(&[libc::SYS_linkat]),
        "memfd_create" => every(&[libc::SYS_memfd_create]),
        "renameat2" => every(&[libc::SYS_renameat2]),
        other => return Err(format!("`{other}` is not known here").into()),
    })
}
