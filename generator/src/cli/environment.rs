//! The environment variables, as the help lists them.

pub(super) const VARIABLES: &str = "\
Environment:
  STRINGLESS_SITE_FILE   same as --site-file
  STRINGLESS_PASSWORD    the password of secret keys, instead of a prompt
  STRINGLESS_FORGE_TOKEN the access token of a forge that requires one
  STRINGLESS_CA_FILE     a PEM file with certificate authorities, beside the built-in ones
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                         keys for s3:// stores; without them, the keys of the profile AWS_PROFILE
                         in AWS_SHARED_CREDENTIALS_FILE [~/.aws/credentials] or AWS_CONFIG_FILE
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                         proxies for the stores
  PAGER                  the program that shows a long `diff` on a terminal [less -R]; `cat`: none
  NO_COLOR               plain output";
