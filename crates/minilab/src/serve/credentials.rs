//! The key pair that clients sign with: from the environment, or made at the first start and kept in the data directory.

use super::files::write_private;
use anyhow::{Context, bail};
use std::path::Path;

const ACCESS_KEY: &str = "MINILAB_ACCESS_KEY";
const SECRET_KEY: &str = "MINILAB_SECRET_KEY";

/// One key pair.
#[derive(Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    /// Whether it was made just now, and is to be shown once.
    pub is_new: bool,
}

/// The pair of this server.
pub fn load(data_dir: &Path) -> anyhow::Result<Credentials> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable(ACCESS_KEY), variable(SECRET_KEY)) {
        (Some(access_key), Some(secret_key)) => check(Credentials { access_key, secret_key, is_new: false }),
        (None, None) => stored(&data_dir.join("credentials")),
        (Some(_), None) => bail!("{ACCESS_KEY} is set but {SECRET_KEY} is not; set both, or neither to use a generated pair"),
        (None, Some(_)) => bail!("{SECRET_KEY} is set but {ACCESS_KEY} is not; set both, or neither to use a generated pair"),
    }
}

/// A new random pair.
pub fn generate() -> anyhow::Result<Credentials> {
    // Letters and digits without those that are mistaken for one another: 32 of them, 5 bits each.
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut random = [0_u8; 58];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    let text: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    Ok(Credentials { access_key: format!("ML{}", &text[..18]), secret_key: text[18..].to_owned(), is_new: true })
}

fn check(credentials: Credentials) -> anyhow::Result<Credentials> {
    if credentials.access_key.contains(['/', ':']) || credentials.access_key.chars().any(char::is_whitespace) {
        bail!("{ACCESS_KEY} must not contain `/`, `:` or spaces: signatures could not be told apart");
    }
    Ok(credentials)
}

fn stored(path: &Path) -> anyhow::Result<Credentials> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut lines = text.lines().map(str::to_owned);
            match (lines.next(), lines.next()) {
                (Some(access_key), Some(secret_key)) if !secret_key.is_empty() => {
                    check(Credentials { access_key, secret_key, is_new: false })
                }
                _ => bail!(
                    "{} must hold the access key and the secret key, a line each; delete it to get a new pair",
                    path.display()
                ),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = generate()?;
            write_private(path, &format!("{}\n{}\n", made.access_key, made.secret_key))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(made)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pair_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        let first = stored(&path).unwrap();
        let second = stored(&path).unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!((&first.access_key, &first.secret_key), (&second.access_key, &second.secret_key));
        assert_eq!((first.access_key.len(), first.secret_key.len()), (20, 40));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(generate().unwrap().secret_key, first.secret_key);
        std::fs::write(&path, "half\n").unwrap();
        assert!(stored(&path).is_err());
    }
}
