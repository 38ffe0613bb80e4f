//! What must be on the machine beside Rust, and how it gets there.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Result, bail};

use crate::program::{Program, has_member};

/// A thing that a build needs, and Debian's package that brings it.
struct Prerequisite {
    name: &'static str,
    package: &'static str,
    why: &'static str,
    is_there: fn() -> bool,
}

const C_COMPILER: Prerequisite = Prerequisite {
    name: "cc",
    package: "gcc",
    why: "a C compiler builds assembly of cryptographic crates and links programs",
    is_there: || on_path("cc"),
};

/// Needed only where gossip-store-rocks is a member.
const ROCKS: &[Prerequisite] = &[
    Prerequisite {
        name: "c++",
        package: "g++",
        why: "RocksDB is C++",
        is_there: || on_path("c++"),
    },
    Prerequisite {
        name: "libclang",
        package: "libclang-dev",
        why: "bindgen reads RocksDB's headers with it",
        is_there: has_libclang,
    },
];

const STRACE: Prerequisite = Prerequisite {
    name: "strace",
    package: "strace",
    why: "tests delay a node's disk with it",
    is_there: || on_path("strace"),
};

const IPROUTE: Prerequisite = Prerequisite {
    name: "ip",
    package: "iproute2",
    why: "it makes network namespaces",
    is_there: || on_path("ip"),
};

/// Makes sure that everything is there: as root on Debian it installs what is missing.
///
/// # Errors
/// Names what is missing and what to install, where it may not install by itself.
pub(crate) fn check() -> Result<()> {
    let rocks = if has_member("gossip-store-rocks") { ROCKS } else { &[] };
    provide(&std::iter::once(&C_COMPILER).chain(rocks).collect::<Vec<_>>())
}

/// Makes sure that tests can slow a node's disk down.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_tracing() -> Result<()> {
    if cfg!(target_os = "linux") { provide(&[&STRACE]) } else { Ok(()) }
}

/// Makes sure that network namespaces can be made and joined.
///
/// # Errors
/// As [`check`], and where only the user can help.
pub(crate) fn check_namespaces() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("network namespaces are Linux's: run this in a Linux machine, virtual or not");
    }
    if !is_root() {
        bail!("only root makes network namespaces: sudo env \"PATH=$PATH\" cargo xtask netns");
    }
    if !Path::new(TUN).exists() {
        bail!(
            "{TUN} is missing: modprobe tun; in a container, start it with --privileged or with \
             --cap-add NET_ADMIN --cap-add SYS_ADMIN --device {TUN}"
        );
    }
    provide(&[&IPROUTE])
}

/// Where TUN devices come from.
const TUN: &str = "/dev/net/tun";

fn provide(needed: &[&Prerequisite]) -> Result<()> {
    let missing: Vec<_> = needed.iter().filter(|needed| !(needed.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for Prerequisite { name, why, .. } in &missing {
        println!("missing: {name} ({why})");
    }
    let packages: Vec<String> = missing.iter().map(|missing| missing.package.to_owned()).collect();
    if !is_root() || !Path::new("/etc/debian_version").exists() || !on_path("apt-get") {
        let packages = packages.join(" ");
        bail!("install what is missing; on Debian: sudo apt-get install {packages}");
    }
    println!("this is Debian and you are root, so apt-get installs: {}", packages.join(" "));
    let apt = |line: &str| Program::new(line).environment("DEBIAN_FRONTEND", "noninteractive");
    apt("apt-get update --quiet").run()?;
    apt("apt-get install --quiet --yes").arguments(&packages).run()?;
    let still: Vec<_> = missing.iter().filter(|missing| !(missing.is_there)()).collect();
    if let Some(Prerequisite { name, package, .. }) = still.first() {
        bail!("apt-get installed {package}, and yet {name} is not found");
    }
    Ok(())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Looks where bindgen's loader looks on Linux; elsewhere bindgen itself says what it lacks.
fn has_libclang() -> bool {
    if !cfg!(target_os = "linux") || std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let llvm = children("/usr/lib").filter(|path| name_of(path).starts_with("llvm"));
    let machine = children("/usr/lib").filter(|path| name_of(path).ends_with("-linux-gnu"));
    let fixed = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Into::into);
    let mut folders = llvm.map(|path| path.join("lib")).chain(machine).chain(fixed);
    folders.any(|folder| children(folder).any(|path| is_libclang(name_of(&path))))
}

fn is_libclang(file: &str) -> bool {
    let starts = file.starts_with("libclang.so") || file.starts_with("libclang-");
    starts && file.contains(".so") && !file.starts_with("libclang-cpp")
}

fn children(folder: impl AsRef<Path>) -> impl Iterator<Item = std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_libclang_from_its_neighbours() {
        for there in ["libclang.so", "libclang.so.1", "libclang-14.so", "libclang-14.so.1"] {
            assert!(is_libclang(there), "{there}");
        }
        for other in ["libclang-cpp.so.14", "libclang.a", "libclang_rt.so", "libLLVM-14.so"] {
            assert!(!is_libclang(other), "{other}");
        }
    }

    #[test]
    fn finds_programs_on_the_path() {
        assert!(on_path("cc") && !on_path("no-such-program"));
    }
}
