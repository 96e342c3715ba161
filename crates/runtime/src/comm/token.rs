//! A secret that the processes of a cluster share. Whoever does not say it is refused before anything else it says is
//! read.

use std::fmt;

use subtle::ConstantTimeEq;

/// The shared secret. It is never shown.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// The token in a text, without the white space around it; nothing if there is nothing else.
    pub fn new(text: &str) -> Option<Self> {
        Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Self(text.into()))
    }

    /// Whether it is the same, in a time that says nothing about where they differ.
    pub fn is(&self, said: &str) -> bool {
        self.0.as_bytes().ct_eq(said.as_bytes()).into()
    }

    /// The secret, to be said to a peer.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_known_and_not_shown() {
        let token = Token::new(" secret\n").unwrap();
        assert!(token.is("secret") && !token.is("secre") && !token.is("Secret") && !token.is(""));
        assert_eq!(format!("{token:?}"), "Token");
        assert!(Token::new(" \n").is_none());
    }
}
