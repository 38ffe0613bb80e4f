//! A node's key on disk: PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use gossip_core::fact::SigningKeys;

use crate::failure::Failure;

/// The key's file in its directory.
const KEY_FILE: &str = "key.pem";

/// A new key that nobody keeps.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn fresh() -> anyhow::Result<SigningKeys> {
    Ok(SigningKeys::new(random()?, random()?))
}

/// The key in this directory; both are made when they are not there.
///
/// # Errors
/// When they cannot be read or made, or when others than their owner could read the key.
pub(crate) fn load(directory: &Path) -> anyhow::Result<SigningKeys> {
    let path = directory.join(KEY_FILE);
    let secret = match std::fs::read_to_string(&path) {
        Ok(pem) => read(&path, &pem)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create(directory, &path)?,
        Err(error) => {
            return Err(Failure::usage(format!("cannot read the key {}: {error}", path.display())));
        }
    };
    Ok(SigningKeys::new(secret, random()?))
}

fn read(path: &Path, pem: &str) -> anyhow::Result<[u8; 32]> {
    let mode = std::fs::metadata(path)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "others can read the key {} (mode {mode:o}): run chmod 600 {}",
            path.display(),
            path.display()
        )));
    }
    let key = SigningKey::from_pkcs8_pem(pem).map_err(|error| {
        Failure::usage(format!(
            "{} holds no ed25519 key in PKCS#8 PEM ({error}): restore it, or move it away to get \
             a new key and with it a new node id",
            path.display()
        ))
    })?;
    Ok(key.to_bytes())
}

fn create(directory: &Path, path: &Path) -> anyhow::Result<[u8; 32]> {
    let secret = random()?;
    let pem = SigningKey::from_bytes(&secret).to_pkcs8_pem(LineEnding::LF)?;
    let failed = || format!("cannot make the key {}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(failed)?;
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(failed)?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    Ok(secret)
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system gave no randomness")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use gossip_core::fact::Keys as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_secret() {
        let directory = std::env::temp_dir().join(format!("gossip-cli-key-{}", std::process::id()));
        let id = load(&directory.join("deep")).unwrap().id();
        let path = directory.join("deep").join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&directory.join("deep")).unwrap().id(), id);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = load(&directory.join("deep")).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "nonsense").unwrap();
        let error = load(&directory.join("deep")).unwrap_err().to_string();
        assert!(error.contains("no ed25519 key"), "{error}");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn keys_of_openssl_are_read() {
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        // The key of RFC 8410, section 10.3.
        let key = SigningKey::from_pkcs8_pem(pem).unwrap();
        assert_eq!(key.to_bytes()[..4], [0xd4, 0xee, 0x72, 0xdb]);
    }
}
