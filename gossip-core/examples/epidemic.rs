//! Prints means of one experiment: what tests and `gossip-cli sim` check, by hand.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people")]

use std::time::Instant;

use gossip_core::sim::epidemic::{Carrier, Ending, Epidemic};
use gossip_core::strategy::Direction;
use gossip_core::strategy::removal::Limit;

#[expect(clippy::disallowed_methods, reason = "it measures itself")]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [what, nodes, runs, k, ..] = arguments.as_slice() else {
        return println!("epidemic WHAT NODES RUNS K");
    };
    let (nodes, runs, k) =
        (nodes.parse().unwrap(), runs.parse::<u64>().unwrap(), k.parse().unwrap());
    let classic = Epidemic::classic(nodes);
    let epidemic = match what.as_str() {
        "t1" => Epidemic { ending: Ending::Feedback(Limit::Counter(k)), ..classic },
        "t2" => Epidemic { ending: Ending::Blind(Limit::Coin(k)), ..classic },
        "t3" => Epidemic {
            direction: Direction::Pull,
            ending: Ending::Feedback(Limit::Counter(k)),
            ..classic
        },
        "k1" => Epidemic { direction: Direction::PushPull, ending: Ending::Never, ..classic },
        "d5" => Epidemic { direction: Direction::PushPull, carrier: Carrier::Repair, ..classic },
        _ => return println!("t1, t2, t3, k1 or d5"),
    };
    let began = Instant::now();
    let mut sums = [0.0; 6];
    for seed in 0..runs {
        let spread = epidemic.run(seed);
        let values = [
            spread.residue(),
            spread.traffic(),
            spread.t_ave(),
            f64::from(spread.t_last()),
            spread.messages_per_host(),
            spread.cycles.len() as f64,
        ];
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    let [s, m, t_ave, t_last, messages, cycles] = sums.map(|sum| sum / runs as f64);
    let each = began.elapsed() / runs as u32;
    println!(
        "{what} k={k} n={nodes} runs={runs}: s {s:.6} m {m:.4} t_ave {t_ave:.3} t_last {t_last:.3} \
         messages {messages:.2} cycles {cycles:.1} each {each:?}"
    );
}
