//! Parses a page of ListObjectsV2: XML → keys, sizes, times. No IO.

use serde::Deserialize;
use stringless_core::time::Timestamp;

use super::Listed;

/// The response of the service.
#[derive(Debug, Deserialize)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
pub(super) struct Page {
    is_truncated: bool,
    next_continuation_token: Option<String>,
    #[serde(default)]
    contents: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
    last_modified: Option<String>,
}

impl Page {
    /// Parses a page.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(body).map_err(|e| e.to_string())?;
        if !text.contains("<ListBucketResult") {
            return Err("the response is no listing".into());
        }
        quick_xml::de::from_str(text).map_err(|e| e.to_string())
    }

    /// The objects, with the prefix `own` removed from their keys, and the token of the next page.
    ///
    /// A listing decides which packs `gc` removes. So a page is refused if it holds keys that do not begin with
    /// `asked`, or if it is incomplete and names no next page.
    pub(super) fn objects(self, asked: &str, own: &str) -> Result<(Vec<Listed>, Option<String>), String> {
        let mut found = Vec::new();
        for entry in self.contents {
            let key = entry.key.strip_prefix(own).filter(|_| entry.key.starts_with(asked));
            let key = key.ok_or_else(|| format!("`{}` is not below `{asked}`", entry.key.escape_debug()))?;
            let modified = entry.last_modified.as_deref().and_then(time);
            found.push(Listed { key: key.to_owned(), size: entry.size, modified });
        }
        match (self.is_truncated, self.next_continuation_token) {
            (false, _) => Ok((found, None)),
            (true, Some(token)) if !token.is_empty() => Ok((found, Some(token))),
            (true, _) => Err("the list continues, but the response has no token for the next page".into()),
        }
    }
}

/// A query value as it is signed: everything but letters, digits and `-._~` is percent-encoded.
pub(super) fn query(value: &str) -> String {
    stringless_core::sigv4::encode_path(value).replace('/', "%2F")
}

/// Parses `2026-11-20T18:00:00.000Z`: services also send fractions of a second.
fn time(text: &str) -> Option<Timestamp> {
    let whole = text.split_once('.').map_or(text.to_owned(), |(whole, _)| format!("{whole}Z"));
    Timestamp::parse(&whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inner: &str) -> Result<(Vec<Listed>, Option<String>), String> {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>{inner}</ListBucketResult>"
        );
        Page::read(text.as_bytes())?.objects("site/packs/", "site/")
    }

    #[test]
    fn a_page_as_services_write_it_is_read() {
        let (found, token) = page(
            "<IsTruncated>true</IsTruncated><KeyCount>2</KeyCount><NextContinuationToken>a/b+=</NextContinuationToken>\
             <Contents><Key>site/packs/a&amp;b</Key><LastModified>2026-11-20T18:00:00.123Z</LastModified>\
             <ETag>&quot;x&quot;</ETag><Size>12</Size><Owner><ID>o</ID></Owner></Contents>\
             <Contents><Key>site/packs/c</Key><LastModified>2026-11-20T18:00:00Z</LastModified><Size>0</Size></Contents>",
        )
        .unwrap();
        let modified = Timestamp::parse("2026-11-20T18:00:00Z").ok();
        let listed = |key: &str, size| Listed { key: key.into(), size, modified };
        assert_eq!(found, [listed("packs/a&b", 12), listed("packs/c", 0)]);
        assert_eq!(token.as_deref(), Some("a/b+="));
        assert_eq!(query("a/b+="), "a%2Fb%2B%3D");
        assert_eq!(page("<IsTruncated>false</IsTruncated>").unwrap(), (Vec::new(), None));
    }

    #[test]
    fn an_inconsistent_page_is_refused() {
        for (inner, why) in [
            ("<IsTruncated>true</IsTruncated>", "no token"),
            ("<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>", "no token"),
            ("<Contents><Key>site/packs/a</Key><Size>1</Size></Contents>", "IsTruncated"),
            ("<IsTruncated>maybe</IsTruncated>", ""),
            (
                "<IsTruncated>false</IsTruncated><Contents><Key>site/env/x</Key><Size>1</Size></Contents>",
                "not below",
            ),
            ("<IsTruncated>false</IsTruncated><Contents><Key>site/packs/a</Key></Contents>", "Size"),
            (
                "<IsTruncated>false</IsTruncated><Contents><Key>site/packs/a</Key><Size>-1</Size></Contents>",
                "",
            ),
        ] {
            let error = page(inner).unwrap_err();
            assert!(error.contains(why), "{inner}: {error}");
        }
        for body in ["", "<html></html>", "<ListBucketResult", "<Error><Code>x</Code></Error>"] {
            assert!(Page::read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Page::read(b"<ListBucketResult>\xff").is_err());
    }
}
