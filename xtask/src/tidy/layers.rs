//! The arrows of gossip-core: which module may know which.
//!
//! Paths in `use` and inline paths that begin with `crate`, `self` or `super` are resolved to
//! modules. `mod tests` may look anywhere, and `lib.rs` is the map, so it names everything.

use super::rust::{Source, is_word};
use super::{Finding, Tree};

/// Modules from the bottom up. A module may name those of its own layer and of the layers above
/// it in this list.
const LAYERS: &[&[&str]] = &[
    &[
        "fact",
        "id",
        "mistake",
        "rng",
        "sketch",
        "state",
        "status",
        "store",
        "time",
        "transport",
        "wire",
    ],
    &["strategy"],
    &["delivery", "election", "identity", "ledger", "membership"],
    &["config", "io"],
    &["channel", "peering"],
    &["node"],
    &["runtime", "sim", "testkit"],
];

/// Arrows that [`LAYERS`] permits and that are nevertheless wrong: from, to, why.
const FORBIDDEN: &[(&[&str], &[&str], &str)] = &[
    (
        &["id", "rng", "time"],
        &["fact", "io", "state", "store", "transport", "wire"],
        "the vocabulary stands alone",
    ),
    (&["fact", "state", "wire"], &["io", "store"], "plain data knows no port and no effect"),
    (&["store", "transport"], &["io", "wire"], "ports know ids, bytes and plain data only"),
    (&["store"], &["transport"], "no port knows the other"),
    (&["transport"], &["store"], "no port knows the other"),
];

/// Arrows that [`LAYERS`] refuses and that are nevertheless right: from, to, why.
const PERMITTED: &[(&str, &str, &str)] = &[
    ("store", "strategy::Retain", "the channel's conflict rule is handed to a merge"),
    ("store", "strategy::retain::Retain", "the channel's conflict rule is handed to a merge"),
];

const ROOT: &str = "gossip-core/src";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(ROOT).filter(|source| source.path != "gossip-core/src/lib.rs") {
        let module = module_of(&source.path);
        let name = module.first().map_or("", String::as_str);
        if layer(name).is_none() {
            let what = format!("the module `{name}` belongs to no layer");
            findings.push(Finding::new(&source.path, 1, what, "give it one in tidy/layers.rs"));
            continue;
        }
        for arrow in arrows(source, module) {
            if let Err((why, mend)) = judge(tree, &arrow) {
                let (from, to) = (arrow.from.join("::"), arrow.to.join("::"));
                let what = format!("`{from}` names `{to}`: {why}");
                findings.push(Finding::new(&source.path, arrow.line, what, mend));
            }
        }
    }
    findings
}

/// One module names something in another; both as paths from the crate's root.
#[derive(Debug)]
struct Arrow {
    line: usize,
    from: Vec<String>,
    to: Vec<String>,
}

/// Whether an arrow may be: `Err` says why not and what to do.
fn judge(tree: &Tree, arrow: &Arrow) -> Result<(), (String, &'static str)> {
    let from = arrow.from.first().map_or("", String::as_str);
    let to = arrow.to.first().map_or("", String::as_str);
    let target = arrow.to.join("::");
    if arrow.from.iter().any(|part| part == "tests") {
        return Ok(());
    }
    let permitted = |(module, path, _): &(&str, &str, &str)| *module == from && *path == target;
    if PERMITTED.iter().any(permitted) {
        return Ok(());
    }
    let Some(above) = layer(to) else {
        return Err(("that path hides the module behind it".into(), "name the module"));
    };
    if Some(above) > layer(from) {
        let why = format!("`{to}` stands above `{from}`");
        return Err((why, "move what both need down, or see LAYERS in tidy/layers.rs"));
    }
    for (froms, tos, why) in FORBIDDEN {
        if froms.contains(&from) && tos.contains(&to) {
            return Err(((*why).to_owned(), "move what both need, or see tidy/layers.rs"));
        }
    }
    strangers(tree, arrow)
}

/// No strategy knows another: an implementation `strategy::slot::this` names traits and helpers of
/// its own slot's file, and traits in `strategy`, but nothing inside other slots or siblings.
fn strangers(tree: &Tree, arrow: &Arrow) -> Result<(), (String, &'static str)> {
    let ([base, slot, this, ..], [root, slot_named, inside @ ..]) =
        (arrow.from.as_slice(), arrow.to.as_slice())
    else {
        return Ok(());
    };
    if base != "strategy" || root != "strategy" {
        return Ok(());
    }
    let is_folder = |path: String| tree.paths.contains_key(&path);
    if slot != slot_named && is_folder(format!("{ROOT}/strategy/{slot_named}")) {
        return Err((
            "an implementation knows the traits of other slots only".into(),
            "name the trait as `crate::strategy::..`",
        ));
    }
    let sibling = inside.first().filter(|name| *name != this);
    if let Some(name) = sibling.filter(|_| slot == slot_named)
        && is_folder(format!("{ROOT}/strategy/{slot}/{name}.rs"))
    {
        return Err((
            "no strategy knows another".into(),
            "move what both need into the slot's own file",
        ));
    }
    Ok(())
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// `gossip-core/src/a/b.rs` is the module `a::b`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix(ROOT).unwrap_or(path).trim_start_matches('/');
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    inner.split('/').filter(|part| *part != "mod").map(String::from).collect()
}

/// Every path of a file that begins at the crate's root, here, or above here.
fn arrows(source: &Source, module: Vec<String>) -> Vec<Arrow> {
    let mut reader = Reader { source, at: 0, module, inner: Vec::new(), arrows: Vec::new() };
    while reader.at < source.tokens.len() {
        reader.step();
    }
    reader.arrows
}

struct Reader<'a> {
    source: &'a Source,
    at: usize,
    /// The module that the reader is in.
    module: Vec<String>,
    /// For each open brace, whether it opened an inline module.
    inner: Vec<bool>,
    arrows: Vec<Arrow>,
}

impl Reader<'_> {
    fn step(&mut self) {
        let (here, next) = (self.source.text(self.at), self.source.text(self.at + 1));
        match here {
            "mod" if self.source.text(self.at + 2) == "{" => {
                self.module.push(next.to_owned());
                self.inner.push(true);
                self.at += 3;
            }
            "{" => {
                self.inner.push(false);
                self.at += 1;
            }
            "}" => {
                if self.inner.pop() == Some(true) {
                    self.module.pop();
                }
                self.at += 1;
            }
            // `use<..>` in a type captures lifetimes and imports nothing.
            "use" if next != "<" => {
                self.at += 1;
                self.use_tree(Vec::new());
            }
            "crate" | "self" | "super" if next == "::" => self.inline_path(),
            _ => self.at += 1,
        }
    }

    /// Reads `a::b::{c, d::*, e as f}` from here on, `prefix` before it.
    fn use_tree(&mut self, mut prefix: Vec<String>) {
        while self.at < self.source.tokens.len() {
            let line = self.line();
            match self.source.text(self.at) {
                "::" => {}
                "{" => {
                    self.at += 1;
                    while !["}", ""].contains(&self.source.text(self.at)) {
                        self.use_tree(prefix.clone());
                        if self.source.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => self.at += 1,
                part => prefix.push(part.to_owned()),
            }
            self.at += 1;
            if ["", ",", ";", "}"].contains(&self.source.text(self.at)) {
                self.note(line, &prefix);
                return;
            }
        }
    }

    fn inline_path(&mut self) {
        let line = self.line();
        let mut path = vec![self.source.text(self.at).to_owned()];
        self.at += 1;
        while self.source.text(self.at) == "::" && is_word(self.source.text(self.at + 1)) {
            path.push(self.source.text(self.at + 1).to_owned());
            self.at += 2;
        }
        self.note(line, &path);
    }

    fn line(&self) -> usize {
        self.source.tokens.get(self.at).map_or(0, |token| token.line)
    }

    /// Resolves a path; those of other crates and of children are nobody's concern.
    fn note(&mut self, line: usize, path: &[String]) {
        let mut to = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => {
                    to.pop();
                }
                name => to.push(name.to_owned()),
            }
        }
        self.arrows.push(Arrow { line, from: self.module.clone(), to });
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    /// What is found when one module of the core has this text.
    fn assert_core(module: &str, text: &str, expected: &[&str]) {
        let path = format!("{ROOT}/{module}.rs");
        let expected: Vec<_> = expected.iter().map(|rest| format!("{path}:{rest}")).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        let neighbours = ["sampler/uniform", "retain/last_write", "retain/keep_siblings"];
        let neighbours = neighbours.map(|name| format!("{ROOT}/strategy/{name}.rs"));
        let mut files: Vec<_> = neighbours.iter().map(|path| (path.as_str(), "")).collect();
        files.retain(|(neighbour, _)| *neighbour != path);
        files.push((&path, text));
        assert_finds(check, &files, &expected);
    }

    #[test]
    fn reads_every_form_of_a_path() {
        let text = "use crate::{a::{self, b::*}, c as d};\nuse std::{fmt, io};\n\
                    fn f() -> crate::e::F<super::G> { self::h::<u8>() }\n\
                    mod inner { use super::super::k; }\npub(crate) fn i(&self) { self.x }\n";
        let source = Source::new("gossip-core/src/x/y.rs", text);
        let found: Vec<_> = arrows(&source, module_of(&source.path))
            .iter()
            .map(|arrow| format!("{} {}", arrow.line, arrow.to.join("::")))
            .collect();
        let expected = ["1 a", "1 a::b::*", "1 c", "3 e::F", "3 x::G", "3 x::y::h", "4 x::k"];
        assert_eq!(found, expected);
    }

    #[test]
    fn arrows_point_down() {
        assert_core("node", "use crate::{channel::Channel, fact::Why, strategy::Cx};", &[]);
        assert_core("channel/repair", "use crate::peering::Session;\nuse super::Shard;", &[]);
        assert_core("fact/header", "\nuse crate::strategy::Retain;", &["2: `fact::header` names"]);
        assert_core("strategy", "use crate::membership::View;", &["1: `strategy` names"]);
        assert_core("membership", "use crate::peering::Session;", &["1: "]);
        assert_core("peering", "fn f(_: &crate::node::Node) {}", &["1: "]);
        assert_core("node", "use crate::{sim::Sim, runtime, testkit};", &["1: ", "1: ", "1: "]);
        assert_core("testkit", "use crate::{sim::Sim, runtime, node};", &[]);
    }

    #[test]
    fn plain_data_and_ports_know_little() {
        assert_core("id", "use crate::fact::Why;", &["1: `id` names `fact::Why`: the vocabulary"]);
        assert_core("state", "use crate::store::StoreOp;", &["1: "]);
        assert_core("wire/pack", "use crate::transport::Class;", &[]);
        assert_core("transport", "use crate::store::StoreOp;", &["1: "]);
        assert_core("store", "use crate::{wire, transport};", &["1: ", "1: "]);
        assert_core("store/memory", "use crate::strategy::Retain;", &[]);
        assert_core("store", "use crate::strategy::Cx;", &["1: "]);
        assert_core("transport", "use crate::strategy::Retain;", &["1: "]);
    }

    #[test]
    fn no_strategy_knows_another() {
        let fine = "use super::{Retain, hash8};\nuse crate::{fact::Envelope, strategy::Sampler};";
        assert_core("strategy/retain/last_write", fine, &[]);
        assert_core(
            "strategy/retain",
            "mod last_write;\npub use self::last_write::LastWrite;",
            &[],
        );
        assert_core("strategy/retain/last_write", "use super::keep_siblings::x;", &["1: "]);
        assert_core(
            "strategy/retain/last_write",
            "use crate::strategy::sampler::Uniform;",
            &["1: "],
        );
        assert_core("strategy/retain/last_write", "use crate::membership::View;", &["1: "]);
    }

    #[test]
    fn nothing_hides_its_layer() {
        assert_core("novelty", "", &["1: the module `novelty` belongs to no layer"]);
        assert_core(
            "node",
            "use crate::Shortcut;",
            &["1: `node` names `Shortcut`: that path hides"],
        );
        assert_core("node", "use crate::*;", &["1: "]);
    }

    #[test]
    fn tests_and_the_map_name_what_they_like() {
        assert_core("rng", "mod tests {\n    use super::*;\n    use crate::sim::Sim;\n}", &[]);
        assert_core("lib", "pub use crate::runtime::Gossip;", &[]);
    }
}
