//! `gossip-cli`: runs gossip nodes and talks to them.
//!
//! The command line ([`args`]) is typed, a verb ([`verbs`]) carries it out: in this process for
//! `node` and `demo`, over a node's admin port ([`admin`]) for everything else.

mod admin;
mod args;
mod binary;
mod clock;
mod config;
mod disk;
mod exporter;
mod failure;
mod files;
mod identity;
mod launch;
mod output;
mod records;
mod registry;
mod signals;
mod sim;
mod sockets;
mod verbs;

use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if failure::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            failure::exit_code(&error)
        }
    }
}

fn run(Cli { global, command }: Cli) -> anyhow::Result<()> {
    match command {
        Command::Completion(arguments) => verbs::completion::run(&arguments),
        Command::Config(command) => verbs::config::run(&global, command),
        Command::Demo(arguments) => verbs::demo::run(&global, &arguments),
        Command::Doctor => verbs::doctor::run(&global),
        Command::Evict { node } => verbs::evict::run(&global, node),
        Command::Join(arguments) => verbs::join::run(&global, arguments.addresses),
        Command::Kv(command) => verbs::kv::run(&global, command),
        Command::Leave => verbs::leave::run(&global),
        Command::Members(arguments) => verbs::members::run(&global, &arguments),
        Command::Node(arguments) => verbs::node::run(&global, &arguments),
        Command::Plot => verbs::plot::run(),
        Command::Reachability(arguments) => verbs::reachability::run(&global, &arguments),
        Command::Sim(command) => sim::run(&global, &command),
        Command::Snapshot(command) => verbs::snapshot::run(&global, command),
        Command::Status => verbs::status::run(&global),
        Command::Version => verbs::version::run(&global),
        Command::Views(arguments) => verbs::views::run(&global, &arguments),
        Command::Wait(arguments) => verbs::wait::run(&global, &arguments),
        Command::Why { node } => verbs::why::run(&global, &node),
    }
}
