//! A `file://` store: a folder, with ETags and ranges as on a web server.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::store::{Answer, GetRequest, RequestError};

/// Opens an object in the store's folder.
///
/// # Errors
/// The file system's error. It is permanent in this run.
pub fn open(folder: &str, wanted: &GetRequest<'_>) -> Result<Answer, RequestError> {
    let path = Path::new(folder).join(wanted.key);
    let permanent = |error: std::io::Error| RequestError::permanent(error.to_string(), None);
    // Without NONBLOCK, a FIFO in the folder would make the agent wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Answer::Missing),
        Err(error) => return Err(permanent(error.into())),
    };
    let meta = file.metadata().map_err(permanent)?;
    if !meta.is_file() {
        return Ok(Answer::Missing);
    }
    let etag = format!("\"{:x}-{:x}-{:x}.{:x}\"", meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    if wanted.etag == Some(&etag) {
        return Ok(Answer::NotModified);
    }
    file.seek(SeekFrom::Start(wanted.from)).map_err(permanent)?;
    let (etag, from) = (Some(etag), wanted.from);
    Ok(Answer::Content { etag, encoding: None, from, body: Box::new(file) })
}
