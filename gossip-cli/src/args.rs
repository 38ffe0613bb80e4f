//! The command line as it is typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::sim::SimCommand;
use crate::{disk, registry};

/// Gossip nodes for integration tests, and the commands that talk to them.
#[derive(Debug, Parser)]
#[command(name = "gossip-cli", disable_version_flag = true, max_term_width = 100)]
#[command(after_help = "Begin with: gossip-cli demo")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Where the node's admin port is [default: 127.0.0.1:7980]
    #[arg(long, global = true, env = "GOSSIP_ADMIN", value_name = "ADDR")]
    pub(crate) admin: Option<String>,
    /// A file that holds the admin port's token, for a node that does not listen on loopback
    #[arg(long, global = true, env = "GOSSIP_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// The channel that is meant
    #[arg(long, global = true, default_value = "main", value_name = "NAME")]
    pub(crate) channel: String,
    /// Print JSON with the documented fields, one document per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long to wait for an answer [default: 5s; 30s for `wait`; none for streams]
    #[arg(long, global = true, value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a cluster of real nodes in one process spread one update, round by round
    #[command(after_help = "Example: gossip-cli demo --nodes 16 --fanout 3 --mode push-pull")]
    Demo(DemoArgs),
    /// Run a node until it is told to stop
    #[command(after_help = "Example: gossip-cli node --data ./one\n    \
        and then: gossip-cli node --data ./two --listen 127.0.0.1:7947 --admin 127.0.0.1:7981 --seed 127.0.0.1:7946")]
    Node(NodeArgs),
    /// Check, show and explain configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Read and write the replicated state
    #[command(subcommand)]
    Kv(KvCommand),
    /// Save a node's state to a file, look at such a file, and bring it back
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// List the members that a node knows
    #[command(after_help = "Example: gossip-cli members --status 'alive|suspect'")]
    Members(MembersArgs),
    /// Ask every node that can be reached what is wrong; exit code 1 when something is
    #[command(after_help = "Example: gossip-cli doctor --json")]
    Doctor,
    /// Show why a node believes of a member what it believes: probes, accusers, timers left
    #[command(after_help = "Example: gossip-cli why three")]
    Why {
        /// The member: its name, its id, or the beginning of that
        node: String,
    },
    /// Show which nodes see the same members, or how two see them differently
    #[command(after_help = "Example: gossip-cli views --diff one three")]
    Views(ViewsArgs),
    /// Show which links between members are cut, in which direction
    #[command(after_help = "Example: gossip-cli reachability --matrix")]
    Reachability(ReachabilityArgs),
    /// Throw a member out, in the name of the node that is asked; it may start anew
    #[command(after_help = "Example: gossip-cli evict three")]
    Evict {
        /// The member: its name, its id, or the beginning of that
        node: String,
    },
    /// Show a node in numbers
    #[command(after_help = "Example: gossip-cli status --json")]
    Status,
    /// Wait until a condition holds; exit code 5 when it does not in time
    #[command(after_help = "Example: gossip-cli wait --members 5 --timeout 30s")]
    Wait(WaitArgs),
    /// Simulate clusters of production nodes: how updates spread, and what it costs
    #[command(
        subcommand,
        after_help = "Begin with: gossip-cli sim rumor --preset production --nodes 16"
    )]
    Sim(SimCommand),
    /// Make a node talk to these members from now on
    #[command(after_help = "Example: gossip-cli join 127.0.0.1:7946")]
    Join(JoinArgs),
    /// Make a node say goodbye to its cluster and stop
    #[command(after_help = "Example: gossip-cli leave --admin 127.0.0.1:7981")]
    Leave,
    /// Draw a picture described in JSON on standard input, as SVG: for `cargo xtask papers`
    #[command(hide = true, after_help = "Example: gossip-cli plot < figure.json > figure.svg")]
    Plot,
    /// Show this program's version
    #[command(after_help = "Example: gossip-cli version --json")]
    Version,
    /// Print a completion script for a shell
    #[command(
        after_help = "Example: gossip-cli completion bash > /etc/bash_completion.d/gossip-cli"
    )]
    Completion(CompletionArgs),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// How many nodes
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=256))]
    pub(crate) nodes: u16,
    /// Partners per round
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) fanout: u16,
    /// Time between rounds
    #[arg(long, default_value = "200ms", value_parser = humantime::parse_duration)]
    pub(crate) period: Duration,
    /// Which way facts flow, in rumors and in repair
    #[arg(long, default_value = "push-pull", value_parser = registry::MODES)]
    pub(crate) mode: String,
    /// How nodes talk
    #[arg(long, default_value = "udp+tcp", value_parser = registry::transports())]
    pub(crate) transport: String,
    /// Where nodes keep their state: rocks in a directory each, gone with the demo
    #[arg(long, default_value = disk::DURABLE, value_parser = registry::stores())]
    pub(crate) store: String,
    /// Load so many random entries before the update
    #[arg(long, default_value_t = 1_000, conflicts_with = "import", value_name = "COUNT")]
    pub(crate) entries: usize,
    /// Load the records of this file instead: NDJSON {"key","value"} or CSV key,value
    #[arg(long, value_name = "FILE")]
    pub(crate) import: Option<PathBuf>,
    /// Stop so many nodes without a goodbye before the update
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub(crate) kill: u16,
    /// Keep the cluster, and serve the admin port of its first node until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NodeArgs {
    /// A configuration file (TOML); `gossip-cli config keys` lists its keys
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A name for people; need not be unique
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where to listen for other nodes; port 0 lets the system choose [default: 127.0.0.1:7946]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// How to talk with other nodes: what is large goes by tcp, or in chunks without it [default: udp+tcp]
    #[arg(long, value_parser = registry::transports())]
    pub(crate) transport: Option<String>,
    /// A member to talk to first, as address or host:port; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) seed: Vec<String>,
    /// The node's directory: its state, and its key when --identity does not say otherwise;
    /// without it the state is in memory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where to keep the state [default: rocks with --data, memory without]
    #[arg(long, value_parser = registry::stores())]
    pub(crate) store: Option<String>,
    /// The directory of the node's key, made when it is not there; without it and without --data
    /// the node has a new key at each start
    #[arg(long, value_name = "DIR")]
    pub(crate) identity: Option<PathBuf>,
    /// What to log to stderr, such as `info` or `warn,gossip_core=debug` [default: warn]
    #[arg(long, env = "RUST_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file without starting anything
    #[command(after_help = "Example: gossip-cli config check node.toml")]
    Check {
        /// The file
        file: PathBuf,
    },
    /// List every key with its default, unit, range and meaning
    #[command(after_help = "Example: gossip-cli config keys | grep rumors")]
    Keys,
    /// Show what is set by file and environment
    #[command(after_help = "Example: gossip-cli config show --config node.toml --effective")]
    Show {
        /// A configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Show every key, defaults included
        #[arg(long)]
        effective: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KvCommand {
    /// Write a key
    #[command(after_help = "Example: gossip-cli kv put colour green --ttl 60s")]
    Put {
        /// The key
        key: String,
        /// The value; `-` reads it from standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// How long the value lives
        #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
        ttl: Option<Duration>,
    },
    /// Delete a key
    #[command(after_help = "Example: gossip-cli kv del colour")]
    Del {
        /// The key
        key: String,
    },
    /// Read a key; exit code 1 when it has no value
    #[command(after_help = "Example: gossip-cli kv get colour")]
    Get {
        /// The key
        key: String,
    },
    /// List entries in key order
    #[command(after_help = "Example: gossip-cli kv list --prefix user/ --limit 10")]
    List {
        /// Only keys that begin so
        #[arg(long, default_value = "")]
        prefix: String,
        /// At most so many
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Follow changes from now on
    #[command(after_help = "Example: gossip-cli kv watch --prefix user/ --json")]
    Watch {
        /// Only keys that begin so
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Write all records of a file: NDJSON {"key","value"} or CSV key,value
    #[command(
        after_help = "Example: gossip-cli kv import records.ndjson\n     or: ... | gossip-cli kv import -"
    )]
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
    },
    /// Write all live entries as NDJSON, as of one moment, in the form that `kv import` reads
    #[command(after_help = "Example: gossip-cli kv export backup.ndjson --prefix user/")]
    Export {
        /// The file; standard output when it is absent or `-`
        file: Option<PathBuf>,
        /// Only keys that begin so
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Count and hash what this node holds
    #[command(after_help = "Example: gossip-cli kv hash --json")]
    Hash {
        /// At which epoch: `last` is the same at all nodes except in the first moments of a minute
        #[arg(long, default_value = "last", value_parser = ["last", "this"])]
        epoch: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Save all that a node holds as of one moment, as its authors signed it
    #[command(after_help = "Example: gossip-cli snapshot save monday.snapshot")]
    Save {
        /// The file; an old one stays until the new one is complete
        file: PathBuf,
    },
    /// Check every byte and signature of a snapshot, and tell what it holds; needs no node
    #[command(after_help = "Example: gossip-cli snapshot show monday.snapshot")]
    Show {
        /// The file
        file: PathBuf,
    },
    /// Make a snapshot the state of a node that does not run and has none
    #[command(
        after_help = "Example: gossip-cli snapshot restore monday.snapshot --data ./one\n    \
        and then: gossip-cli node --data ./one"
    )]
    Restore {
        /// The file
        file: PathBuf,
        /// The node's directory
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Even if the cluster may have forgotten deletions since, which then come undone
        #[arg(long)]
        even_old: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct MembersArgs {
    /// Only members whose whole status matches this regular expression
    #[arg(long, value_name = "RE")]
    pub(crate) status: Option<String>,
    /// Go on with every change: who changed, why, and who brought it
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct WaitArgs {
    /// Until at least so many members are alive, the node itself included
    #[arg(long, value_name = "COUNT")]
    pub(crate) members: Option<usize>,
    /// Until this node's last comparison with every live partner found both equal
    #[arg(long)]
    pub(crate) converged: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ViewsArgs {
    /// Two members: names, ids, or beginnings of those
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) diff: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ReachabilityArgs {
    /// Everybody against everybody, not only the links that are cut
    #[arg(long)]
    pub(crate) matrix: bool,
}

#[derive(Args, Debug)]
pub(crate) struct JoinArgs {
    /// Members, as address or host:port
    #[arg(required = true, value_name = "ADDR")]
    pub(crate) addresses: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_shows_an_example() {
        let mut cli = Cli::command();
        cli.build();
        let mut open = vec![cli];
        while let Some(command) = open.pop() {
            let children: Vec<_> = command.get_subcommands().cloned().collect();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let leaf = children.is_empty() && command.get_name() != "help";
            assert!(!leaf || help.contains("gossip-cli"), "{} has none", command.get_name());
            open.extend(children.into_iter().filter(|child| child.get_name() != "help"));
        }
    }

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
        let wait = ["gossip-cli", "wait"];
        assert!(Cli::try_parse_from(wait).is_err(), "wait needs a condition");
        let put = ["gossip-cli", "kv", "put", "k", "-5"];
        assert!(Cli::try_parse_from(put).is_ok(), "a value may look like a flag");
    }
}
