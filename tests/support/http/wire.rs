//! Bytes ↔ requests and answers.

use std::io::{self, BufRead, Read};

use super::{Delivery, Reply, Request};

/// The status line and the headers of an answer.
pub(super) fn head(reply: &Reply, go_on: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(length) = promised(reply) {
        head += &length;
    }
    if !go_on {
        head += "connection: close\r\n";
    }
    (head + "\r\n").into_bytes()
}

/// The header that says where the body ends.
fn promised(reply: &Reply) -> Option<String> {
    match reply.delivery {
        Delivery::Endless | Delivery::EndlessHead | Delivery::SlowClose(_) | Delivery::Unsized(..) => None,
        Delivery::EndlessChunks | Delivery::CutChunks => Some("transfer-encoding: chunked\r\n".into()),
        _ if reply.status == 304 => None,
        Delivery::Promise(length) => Some(format!("content-length: {length}\r\n")),
        _ => Some(format!("content-length: {}\r\n", reply.body.len())),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

/// The next request of a connection; `None` when there is none.
pub(super) fn request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some(first) = read_line(stream)? else { return Ok(None) };
    let mut words = first.split(' ');
    let mut word = || words.next().unwrap_or_default().to_string();
    let mut request = Request { method: word(), target: word(), headers: Vec::new(), body: Vec::new() };
    while let Some(line) = read_line(stream)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other("no colon in a header"))?;
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    if request.header("transfer-encoding").is_some() {
        while let Some(size @ 1..) = read_line(stream)?.and_then(|line| u64::from_str_radix(&line, 16).ok()) {
            stream.take(size.min(MAX_BODY)).read_to_end(&mut request.body)?;
            read_line(stream)?;
        }
        read_line(stream)?;
    }
    let length: u64 = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    stream.take(length.min(MAX_BODY)).read_to_end(&mut request.body)?;
    Ok(Some(request))
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    Ok(if line.is_empty() { None } else { Some(text.trim_end().to_string()) })
}

const MAX_LINE: u64 = 64 * 1024;
const MAX_BODY: u64 = 256 * 1024 * 1024;
