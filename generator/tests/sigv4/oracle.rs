//! What the `aws-sigv4` crate adds to a request: the oracle of the tests and of the fuzz target.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningParams, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use stringless_core::sigv4::{Credentials, encode_path};

/// A request to be signed for S3.
pub struct Asked<'a> {
    pub method: &'a str,
    pub host: &'a str,
    /// Encoded.
    pub path: &'a str,
    /// Not encoded.
    pub query: &'a [(String, String)],
    pub headers: Vec<(&'a str, &'a str)>,
    pub region: &'a str,
    /// Seconds since 1970.
    pub time: u64,
    /// Seconds; of the query form alone.
    pub expires: u32,
    pub credentials: &'a Credentials,
}

impl Asked<'_> {
    /// The headers and query parameters that the crate adds.
    pub fn added(&self, location: SignatureLocation, body: SignableBody<'_>) -> BTreeMap<String, String> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.signature_location = location;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if location == SignatureLocation::QueryParams {
            settings.expires_in = Some(Duration::from_secs(self.expires.into()));
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        }
        let Credentials { access_key_id, secret_access_key, session_token } = self.credentials.clone();
        let keys = aws_credential_types::Credentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "test",
        );
        let identity = keys.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("s3")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(self.time))
            .settings(settings)
            .build()
            .unwrap();
        let query: Vec<String> =
            self.query.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("https://{}{}{mark}{}", self.host, self.path, query.join("&"));
        let request = SignableRequest::new(self.method, url, self.headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(request, &SigningParams::V4(params)).unwrap().into_parts();
        let (headers, query) = instructions.into_parts();
        let headers = headers.into_iter().map(|h| (h.name().to_owned(), h.value().to_owned()));
        headers.chain(query.into_iter().map(|(k, v)| (k.to_owned(), v.into_owned()))).collect()
    }
}

/// Parameters of a query, as they stand in it.
pub fn encode(text: &str) -> String {
    encode_path(text).replace('/', "%2F")
}
