//! The body of an answer as a file: written as it comes, and in its place once it is all there.

use std::{
    fs::{File, Permissions},
    io::Write,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use tempfile::NamedTempFile;

use super::{ApiClient, request::Take, retry};
use crate::{
    base::error::{Result, ResultExt, code, failed},
    console::Console,
    output::size,
};

/// Sends a GET and writes the body of its answer to a file, which is replaced once the body is whole. There is no limit to its
/// size; the time limit is one for each piece.
pub(crate) async fn perform(client: &ApiClient, request: &HttpRequest, path: &str) -> Result<HttpResponse> {
    let mut file = Partial::beside(path)?;
    let answered = {
        let progress = Shown::new(&client.console, &file.target);
        let mut written = |piece: &[u8]| {
            let total = file.write(piece)?;
            progress.set(total);
            Ok(Take::Pass)
        };
        retry::send(client, request, &mut written).await?
    };
    let written = file.finish()?;
    Ok(HttpResponse {
        status: answered.status,
        headers: answered.headers,
        written: Some(written),
        ..HttpResponse::default()
    })
}

/// A file that takes its place once it is whole. Until then it has no name where that is possible, so that nothing is left over, however
/// the process ends.
struct Partial {
    target: PathBuf,
    mode: u32,
    place: Place,
    written: u64,
}

enum Place {
    Unnamed(File),
    Named(NamedTempFile),
}

impl Partial {
    fn beside(path: &str) -> Result<Self> {
        let cannot = |why: &str| failed(format!("cannot write `{path}`: {why}"));
        let typed = Path::new(path);
        if !typed.is_absolute() || path.ends_with('/') || path.contains('\0') {
            return Err(cannot("it is not the absolute path of a file"));
        }
        // A link stays one.
        let target = match typed.symlink_metadata() {
            Ok(_) => typed.canonicalize().map_err(|_| cannot("it is a link that leads to nothing"))?,
            Err(_) => typed.to_owned(),
        };
        let before = target.metadata().ok();
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            return Err(cannot("it is no regular file"));
        }
        let dir = target.parent().unwrap_or(Path::new("/"));
        let mode = before.map_or(0o666, |before| before.permissions().mode() & 0o777);
        let what = || format!("cannot write `{path}`");
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let place = match openat(CWD, dir, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => Place::Unnamed(file.into()),
            // The named one says better what is wrong with the place.
            Err(_) => Place::Named(
                tempfile::Builder::new()
                    .prefix(".download-")
                    .permissions(Permissions::from_mode(mode))
                    .tempfile_in(dir)
                    .context(code::FAILED, what)?,
            ),
        };
        Ok(Self { target, mode, place, written: 0 })
    }

    fn file(&mut self) -> &mut File {
        match &mut self.place {
            Place::Unnamed(file) => file,
            Place::Named(file) => file.as_file_mut(),
        }
    }

    fn what(&self) -> String {
        format!("cannot write `{}`", self.target.display())
    }

    fn write(&mut self, piece: &[u8]) -> Result<u64> {
        let what = self.what();
        self.file().write_all(piece).context(code::FAILED, || what)?;
        self.written += u64::try_from(piece.len()).unwrap_or(0);
        Ok(self.written)
    }

    fn finish(mut self) -> Result<u64> {
        let what = self.what();
        let placed = self.file().sync_all().and_then(|()| place(self.place, &self.target, self.mode));
        placed.context(code::FAILED, || what)?;
        Ok(self.written)
    }
}

/// Gives a file its name.
fn place(place: Place, target: &Path, mode: u32) -> std::io::Result<()> {
    let file = match place {
        Place::Named(file) => return file.persist(target).map(drop).map_err(|error| error.error),
        Place::Unnamed(file) => file,
    };
    if target.exists() {
        // As the one that is replaced, whatever the mask says.
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    // A link cannot replace a file, a rename can: it has another name for a moment.
    let dir = target.parent().unwrap_or(Path::new("/"));
    let beside = tempfile::Builder::new().prefix(".download-").tempdir_in(dir)?;
    let name = beside.path().join("file");
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, own, CWD, &name, AtFlags::SYMLINK_FOLLOW)?;
    std::fs::rename(&name, target)
}

/// How much has come, on stderr of a terminal.
struct Shown<'c> {
    console: &'c Arc<Console>,
    label: String,
    id: u64,
}

impl<'c> Shown<'c> {
    fn new(console: &'c Arc<Console>, target: &Path) -> Self {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let label = format!("Downloading {name}");
        Self { console, id: console.begin(&label, None), label }
    }

    fn set(&self, bytes: u64) {
        self.console.progress(self.id, 0, Some(&format!("{}: {}", self.label, size(bytes))));
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.console.end(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_once_it_is_whole_and_a_link_stays_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        crate::base::files::write(&file, b"before").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let mut partial = Partial::beside(link.to_str().expect("text")).expect("opened");
        partial.write(b"after").expect("written");
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "before");
        drop(partial);
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 2, "nothing is left over");
        let mut partial = Partial::beside(link.to_str().expect("text")).expect("opened");
        partial.write(b"after").expect("written");
        assert_eq!(partial.finish().expect("in its place"), 5);
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "after");
        assert!(link.is_symlink());
        let nowhere = dir.path().join("nowhere");
        std::os::unix::fs::symlink(dir.path().join("gone"), &nowhere).expect("linked");
        for path in
            ["relative", dir.path().to_str().expect("text"), "/nowhere/file", "/dev/null", "/tmp/x/", "/x\0"]
        {
            assert!(Partial::beside(path).is_err(), "{path}");
        }
        assert!(Partial::beside(nowhere.to_str().expect("text")).is_err(), "a link that leads to nothing");
        let mode = std::fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "that of the one before");
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 3, "nothing is left over");
    }
}
