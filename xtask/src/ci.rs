//! `cargo xtask ci`: what is too slow or too rarely needed for every change, before a release.

use anyhow::{Context, Result};

use crate::program::{Program, root};
use crate::test::{self, Steps, deny_warnings};
use crate::{netns, run};

/// How long each release is fuzzed: long enough to find what a change broke, short enough to wait
/// for (a guess).
const FUZZ_SECONDS: u32 = 60;

/// Everything of `test`, then the rest.
pub(crate) fn ci() -> Result<()> {
    test::test()?;
    let mut steps = Steps::begin();
    steps.check("namespaces", "cargo xtask netns", || netns::netns(&[]))?;
    for features in combinations(&core_features()?) {
        // Clippy rather than check: code that is dead without a feature is only a warning.
        let clippy = "cargo clippy -p gossip-core --no-default-features";
        let clippy = format!("{clippy} --features={}", features.join(","));
        steps.run(&format!("features [{}]", features.join(" ")), &deny_warnings(&clippy))?;
    }
    if run::has_fuzz() {
        steps.run("fuzz", &run::fuzz_for(FUZZ_SECONDS))?;
    } else {
        println!("\n== fuzz skipped: gossip-core has no example `fuzz`");
    }
    deny(&mut steps)?;
    semver(&mut steps)?;
    steps.end();
    Ok(())
}

/// Advisories, bans and sources of dependencies.
fn deny(steps: &mut Steps) -> Result<()> {
    if !is_installed("deny") {
        println!("\n== deny skipped: `cargo install cargo-deny` brings it");
        return Ok(());
    }
    steps.run("deny", &Program::new("cargo deny check advisories bans sources"))
}

/// Breaking changes of public interfaces since the last release.
fn semver(steps: &mut Steps) -> Result<()> {
    if !is_installed("semver-checks") {
        println!("\n== semver skipped: `cargo install cargo-semver-checks` brings it");
        return Ok(());
    }
    let Ok(tag) = Program::new("git describe --tags --abbrev=0").read() else {
        println!("\n== semver skipped: no release is tagged, so there is nothing to compare with");
        return Ok(());
    };
    let check = "cargo semver-checks --workspace --baseline-rev";
    steps.run("semver", &Program::new(check).arguments(&[tag.trim().to_owned()]))
}

fn is_installed(subcommand: &str) -> bool {
    let list = Program::new("cargo --list").read().unwrap_or_default();
    list.lines().any(|line| line.trim() == subcommand)
}

fn core_features() -> Result<Vec<String>> {
    let manifest = root().join("gossip-core/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).context("gossip-core/Cargo.toml")?;
    Ok(features(&manifest))
}

/// The names under `[features]`, `default` aside.
fn features(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let section = section.take_while(|line| !line.starts_with('['));
    let names = section.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
    names.filter(|name| name != "default" && !name.starts_with('#')).collect()
}

/// Every subset, the empty one first.
fn combinations(features: &[String]) -> Vec<Vec<String>> {
    features.iter().fold(vec![Vec::new()], |mut subsets, feature| {
        let with =
            |subset: &Vec<String>| [subset.as_slice(), std::slice::from_ref(feature)].concat();
        let larger: Vec<_> = subsets.iter().map(with).collect();
        subsets.extend(larger);
        subsets
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_features_of_a_manifest() {
        let manifest = "[package]\nname = \"x\"\n[features]\ndefault = []\n# a = b\nsim = []\n\
                        testkit = [\n  \"sim\",\n]\n[dependencies]\nserde = \"1\"";
        assert_eq!(features(manifest), ["sim", "testkit"]);
        assert!(core_features().unwrap().contains(&"runtime".to_owned()));
    }

    #[test]
    fn combines_every_subset_once() {
        let subsets = combinations(&["a".into(), "b".into(), "c".into()]);
        assert_eq!(subsets.len(), 8);
        assert_eq!(subsets.first(), Some(&vec![]));
        assert!(subsets.contains(&vec!["a".into(), "c".into()]));
    }
}
