//! The key that signs updates (TSIG, RFC 8945): `key "name" { algorithm …; secret "…"; };` as BIND has it, or
//! `ALGORITHM:NAME:SECRET`.

use std::fmt;

use domain::base::Name;
use domain::tsig::{Algorithm, Key, KeyName};
use domain::utils::base64;

/// Shortest secret in bytes: half a digest of hmac-sha256. RFC 2104, 3, advises a whole one; what tsig-keygen and keymgr
/// make is that long.
const SECRET_MIN: usize = 16;

/// Why a text holds no key that is used. Never shows any of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither form.
    #[error("holds no key block and no ALGORITHM:NAME:SECRET")]
    Form,
    /// Which of them is meant?
    #[error("holds more than one key")]
    Several,
    /// Too weak to be used.
    #[error("has a key of {0}, which is too weak")]
    Weak(&'static str),
    /// No such algorithm.
    #[error("has a key of the unknown algorithm '{0}'")]
    Algorithm(String),
    /// Not a name.
    #[error("names its key with something that is no DNS name")]
    Name,
    /// Not base64, or too short.
    #[error("has a secret that is not base64 of {SECRET_MIN} bytes or more")]
    Secret,
}

/// A key and its name. Its text forms show the name and the algorithm only.
#[derive(Clone)]
pub struct TsigKey(Key);

impl TsigKey {
    /// The key in the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let words = words(text);
        let (algorithm, name, secret) = match words.first().map(String::as_str) {
            Some("key") => block(&words)?,
            Some(line) if words.len() == 1 => {
                let mut parts = line.splitn(3, ':');
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(algorithm), Some(name), Some(secret)) => (algorithm, name, secret),
                    _ => return Err(KeyError::Form),
                }
            }
            Some(_) | None => return Err(KeyError::Form),
        };
        let algorithm = strong(algorithm)?;
        let name: KeyName = name.parse().map_err(|_| KeyError::Name)?;
        let secret: Vec<u8> = base64::decode(secret).map_err(|_| KeyError::Secret)?;
        if secret.len() < SECRET_MIN {
            return Err(KeyError::Secret);
        }
        Key::new(algorithm, &secret, name, None, None).map(Self).map_err(|_| KeyError::Secret)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        Name::to_string(self.0.name())
    }
}

impl AsRef<Key> for TsigKey {
    fn as_ref(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({} {})", self.0.algorithm(), self.name())
    }
}

/// Words, `{`, `}` and `;` of named.conf's syntax; comments in its three styles are dropped, and quotes too.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match (letter, rest.peek()) {
            ('#', _) | ('/', Some('/')) if word.is_empty() => while rest.next_if(|letter| *letter != '\n').is_some() {},
            ('/', Some('*')) => {
                end(&mut word, &mut words);
                let mut before = ' ';
                for letter in rest.by_ref().skip(1) {
                    if (before, letter) == ('*', '/') {
                        break;
                    }
                    before = letter;
                }
            }
            ('"', _) => {
                while let Some(letter) = rest.next_if(|letter| *letter != '"') {
                    word.push(letter);
                }
                rest.next();
            }
            ('{' | '}' | ';', _) => {
                end(&mut word, &mut words);
                words.push(letter.to_string());
            }
            (letter, _) if letter.is_whitespace() => end(&mut word, &mut words),
            (letter, _) => word.push(letter),
        }
    }
    end(&mut word, &mut words);
    words
}

fn end(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Algorithm, name and secret of `key NAME { algorithm A; secret S; };`, in either order.
fn block(words: &[String]) -> Result<(&str, &str, &str), KeyError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ["key", name, "{", first, first_value, ";", second, second_value, ";", "}", rest @ ..] = words.as_slice()
    else {
        return Err(KeyError::Form);
    };
    match rest {
        [] | [";"] => {}
        [..] if rest.contains(&"key") => return Err(KeyError::Several),
        [..] => return Err(KeyError::Form),
    }
    match (*first, *second) {
        ("algorithm", "secret") => Ok((first_value, name, second_value)),
        ("secret", "algorithm") => Ok((second_value, name, first_value)),
        _ => Err(KeyError::Form),
    }
}

fn strong(algorithm: &str) -> Result<Algorithm, KeyError> {
    match algorithm.trim_end_matches('.').to_ascii_lowercase().as_str() {
        "hmac-sha256" => Ok(Algorithm::Sha256),
        "hmac-sha384" => Ok(Algorithm::Sha384),
        "hmac-sha512" => Ok(Algorithm::Sha512),
        "hmac-sha1" => Err(KeyError::Weak("hmac-sha1")),
        "hmac-md5" | "hmac-md5.sig-alg.reg.int" => Err(KeyError::Weak("hmac-md5")),
        // An unknown word may be a secret in the wrong place.
        other if other.starts_with("hmac-") => Err(KeyError::Algorithm(other.escape_debug().take(40).collect())),
        _ => Err(KeyError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";

    #[track_caller]
    fn check(text: &str, shown: &str) {
        let found = TsigKey::parse(text).map(|key| format!("{key:?}"));
        assert_eq!(found.as_deref(), Ok(shown), "{text}");
    }

    #[test]
    fn a_key_is_read_in_both_forms_with_comments_in_any_style() {
        let shown = "TsigKey(hmac-sha256 peermon-key)";
        check(&format!("key \"peermon-key\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n"), shown);
        check(&format!("key peermon-key{{secret {SECRET};algorithm HMAC-SHA256;}}"), shown);
        check(
            &format!("# one\n// two\n/* three {{ */ key peermon-key {{ algorithm hmac-sha256; secret {SECRET}; }};"),
            shown,
        );
        check(&format!("hmac-sha256:peermon-key:{SECRET}\n"), shown);
        check(&format!("# ours\nhmac-sha256:peermon-key.:{SECRET}\n"), shown);
        check(&format!("hmac-sha384:k:{SECRET}"), "TsigKey(hmac-sha384 k)");
        check(&format!("key k {{ algorithm hmac-sha512; secret \"{SECRET}\"; }};"), "TsigKey(hmac-sha512 k)");
    }

    #[test]
    fn what_is_no_strong_key_is_refused_in_words_that_never_show_the_secret() {
        let block = |algorithm: &str, secret: &str| format!("key k {{ algorithm {algorithm}; secret \"{secret}\"; }};");
        for (text, error) in [
            (block("hmac-sha1", SECRET), KeyError::Weak("hmac-sha1")),
            (block("hmac-md5", SECRET), KeyError::Weak("hmac-md5")),
            (format!("HMAC-MD5.SIG-ALG.REG.INT:k:{SECRET}"), KeyError::Weak("hmac-md5")),
            (block("hmac-sha3", SECRET), KeyError::Algorithm("hmac-sha3".to_owned())),
            (block("hmac-sha256", "MTIzNDU2"), KeyError::Secret),
            (block("hmac-sha256", &SECRET[1..]), KeyError::Secret),
            (block("hmac-sha256", SECRET) + &block("hmac-sha256", SECRET), KeyError::Several),
            (block("hmac-sha256", SECRET) + "zone x {};", KeyError::Form),
            (format!("k:{SECRET}"), KeyError::Form),
            (format!("{SECRET}:k:hmac-sha256"), KeyError::Form),
            (format!("hmac-sha256:a..b:{SECRET}"), KeyError::Name),
            (SECRET.to_owned(), KeyError::Form),
            (String::new(), KeyError::Form),
        ] {
            let found = TsigKey::parse(&text).expect_err(&text);
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains(&SECRET[1..9]), "{found}");
        }
    }
}
