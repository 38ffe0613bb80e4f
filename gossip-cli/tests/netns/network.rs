//! Hosts: network namespaces, each with one device, joined by the relay.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::lines::{Host, Lines, Quality};
use crate::relay::Relay;

/// What a path of Ethernet carries.
const MTU: &str = "1500";

/// What the device is called inside each host.
const DEVICE: &str = "gossip0";

/// What our namespaces begin with; the process and a number follow.
const PREFIX: &str = "gossip-it";

/// Hosts that can reach one another through a relay, and nobody else. They end with their handle.
#[derive(Debug)]
pub(crate) struct Network {
    addresses: Vec<Ipv4Addr>,
    hosts: Host,
    number: u32,
    pub(crate) relay: Relay,
}

impl Network {
    /// A network of hosts 1, 2, 3 and so on at 10.7.0.1, 10.7.0.2 and so on.
    pub(crate) fn start(seed: u64, hosts: Host, quality: Quality) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // The kernel takes 15 bytes; the name lasts until the device is in its namespace.
        let devices: Vec<_> =
            (1..=hosts).map(|host| format!("g{process}x{number}h{host}")).collect();
        let relay = Relay::start(Lines::new(seed, hosts, quality), &devices);
        let relay =
            relay.expect("root may make TUN devices; `cargo xtask netns` says what is missing");
        let mut network = Self { addresses: Vec::new(), hosts, number, relay };
        for (host, device) in (1..=hosts).zip(&devices) {
            network.add(host, device);
        }
        network
    }

    /// The hosts' numbers.
    pub(crate) fn hosts(&self) -> impl DoubleEndedIterator<Item = Host> + use<> {
        1..=self.hosts
    }

    /// Where a host is.
    pub(crate) fn address(&self, host: Host) -> Ipv4Addr {
        self.addresses[usize::from(host) - 1]
    }

    /// Gives a host another address instead of its own.
    pub(crate) fn move_host(&mut self, host: Host, to: Ipv4Addr) {
        let namespace = self.namespace(host);
        ip(&["-n", &namespace, "address", "flush", "dev", DEVICE]);
        ip(&["-n", &namespace, "address", "add", &format!("{to}/24"), "dev", DEVICE]);
        self.relay.assign(to, host);
        self.addresses[usize::from(host) - 1] = to;
    }

    /// Switches a host's device on or off.
    pub(crate) fn link(&self, host: Host, up: bool) {
        let state = if up { "up" } else { "down" };
        ip(&["-n", &self.namespace(host), "link", "set", "dev", DEVICE, state]);
    }

    /// Cuts or mends one direction between any of these hosts and any of those.
    pub(crate) fn cut(&self, from: &[Host], to: &[Host], cut: bool) {
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            self.relay.cut(from, to, cut);
        }
    }

    /// The same command, inside a host.
    pub(crate) fn inside(&self, host: Host, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.namespace(host)]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    fn namespace(&self, host: Host) -> String {
        format!("{PREFIX}-{}-{}-{host}", std::process::id(), self.number)
    }

    fn add(&mut self, host: Host, device: &str) {
        let (namespace, address) = (self.namespace(host), Ipv4Addr::new(10, 7, 0, host));
        ip(&["netns", "add", &namespace]);
        ip(&["link", "set", "dev", device, "netns", &namespace, "name", DEVICE]);
        let inside = |arguments: &[&str]| ip(&[&["-n", &namespace], arguments].concat());
        inside(&["link", "set", "dev", "lo", "up"]);
        // The relay carries IPv4: the kernel need not look for IPv6 neighbours.
        inside(&["link", "set", "dev", DEVICE, "addrgenmode", "none", "mtu", MTU]);
        inside(&["address", "add", &format!("{address}/24"), "dev", DEVICE]);
        inside(&["link", "set", "dev", DEVICE, "up"]);
        self.relay.assign(address, host);
        self.addresses.push(address);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in self.hosts() {
            // One that was never made cannot be removed.
            let _ = run(&["netns", "delete", &self.namespace(host)]);
        }
    }
}

/// Removes what runs that were killed left behind: namespaces, and the processes in them.
fn sweep() {
    let list = ip(&["netns", "list"]);
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| is_left(name)) {
        for process in ip(&["netns", "pids", name]).split_whitespace() {
            // It may end by itself meanwhile.
            let _ = Command::new("kill").args(["-KILL", process]).status();
        }
        let _ = run(&["netns", "delete", name]);
    }
}

/// Whether a namespace is ours, and the process that made it is gone.
fn is_left(namespace: &str) -> bool {
    let rest = namespace.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-'));
    let process = rest.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists())
}

/// Runs `ip`; returns what it printed.
#[track_caller]
fn ip(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn run(arguments: &[&str]) -> Output {
    Command::new("ip").args(arguments).output().expect("iproute2 is installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_runs_left_is_swept() {
        // No process has this number: the kernel's largest is 4,194,304.
        assert!(is_left("gossip-it-4194999-0-1"));
        assert!(!is_left(&format!("gossip-it-{}-0-1", std::process::id())));
        for other in ["gossip-it", "gossip-it-x-0-1", "gossip-4194999-0-1", "gossip-its-4194999"] {
            assert!(!is_left(other), "{other}");
        }
    }
}
