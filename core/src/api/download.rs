//! The body of an answer as a file: written as it comes, and in its place once it is all there.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};
use tempfile::NamedTempFile;

use super::{ApiClient, request::Take, retry};
use crate::{
    base::error::{Failure, Result, ResultExt, code, failed},
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

/// A file beside the one that it replaces.
struct Partial {
    target: PathBuf,
    temporary: NamedTempFile,
    written: u64,
}

impl Partial {
    fn beside(path: &str) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let path = Path::new(path);
        if !path.is_absolute() {
            return Err(failed(format!("cannot write `{}`: the path is not absolute", path.display())));
        }
        // A link stays one.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if target.is_dir() {
            return Err(failed(format!("cannot write `{}`: it is a directory", path.display())));
        }
        let dir = target.parent().unwrap_or(Path::new("/"));
        let mode = target.metadata().map_or(0o666, |before| before.permissions().mode() & 0o777);
        let temporary = tempfile::Builder::new()
            .prefix(".download-")
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(dir)
            .context(code::FAILED, || format!("cannot write `{}`", path.display()))?;
        Ok(Self { target, temporary, written: 0 })
    }

    fn what(&self) -> String {
        format!("cannot write `{}`", self.target.display())
    }

    fn write(&mut self, piece: &[u8]) -> Result<u64> {
        self.temporary.write_all(piece).context(code::FAILED, || self.what())?;
        self.written += u64::try_from(piece.len()).unwrap_or(0);
        Ok(self.written)
    }

    fn finish(self) -> Result<u64> {
        let what = self.what();
        let cannot =
            |error: std::io::Error| Failure::new(code::FAILED, what.clone()).cause(error.to_string());
        self.temporary.as_file().sync_all().map_err(cannot)?;
        self.temporary.persist(&self.target).map_err(|error| cannot(error.error))?;
        Ok(self.written)
    }
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
        for path in ["relative", dir.path().to_str().expect("text"), "/nowhere/file"] {
            assert!(Partial::beside(path).is_err(), "{path}");
        }
    }
}
