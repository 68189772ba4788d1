//! A `file://` store: a folder, with the same conditions and ranges as a web server.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::store::{Answer, Trouble, Wanted};

/// Opens the object below the store's folder.
///
/// # Errors
/// What the file system said; not worth another try within this run.
pub fn open(folder: &str, wanted: &Wanted<'_>) -> Result<Answer, Trouble> {
    let path = Path::new(folder).join(wanted.key);
    let lasting = |error: std::io::Error| Trouble::lasting(error.to_string(), None);
    // A FIFO that was planted there would keep the agent waiting for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Answer::Missing),
        Err(error) => return Err(lasting(error.into())),
    };
    let meta = file.metadata().map_err(lasting)?;
    if !meta.is_file() {
        return Ok(Answer::Missing);
    }
    let etag = format!("\"{:x}-{:x}-{:x}.{:x}\"", meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    if wanted.etag == Some(&etag) {
        return Ok(Answer::NotModified);
    }
    file.seek(SeekFrom::Start(wanted.from)).map_err(lasting)?;
    Ok(Answer::Content { etag: Some(etag), from: wanted.from, body: Box::new(file) })
}
