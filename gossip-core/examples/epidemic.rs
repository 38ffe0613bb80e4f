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
    let push_pull = Epidemic { direction: Direction::PushPull, ..classic };
    let counter = Ending::Feedback(Limit::Counter(k));
    let ids_first = Epidemic {
        direction: Direction::PushThenPull,
        ending: Ending::Never,
        offer_after: 0,
        names: 64,
        ..classic
    };
    let epidemic = match what.as_str() {
        "t1" => Epidemic { ending: counter, ..classic },
        "t2" => Epidemic { ending: Ending::Blind(Limit::Coin(k)), ..classic },
        "t3" => Epidemic { direction: Direction::Pull, ending: counter, ..classic },
        "push" => Epidemic { ending: Ending::Never, ..classic },
        "pull" => Epidemic { direction: Direction::Pull, ending: Ending::Never, ..classic },
        "k1" => Epidemic { ending: Ending::Never, ..push_pull },
        "k3" => ids_first,
        "k3-whole" => Epidemic { offer_after: k, ..ids_first },
        "d5" => Epidemic { carrier: Carrier::Repair, ..push_pull },
        "d5-limit" => Epidemic { carrier: Carrier::Repair, connection_limit: 1, ..push_pull },
        "d5-hunt" => {
            Epidemic { carrier: Carrier::Repair, connection_limit: 1, hunt: u32::MAX, ..push_pull }
        }
        "limit" => Epidemic { ending: counter, connection_limit: 1, ..classic },
        "hunt" => Epidemic { ending: counter, connection_limit: 1, hunt: u32::MAX, ..classic },
        "push-pull" => Epidemic { ending: counter, ..push_pull },
        "minimize" => Epidemic { ending: counter, minimize: true, ..push_pull },
        "near" => Epidemic { ending: Ending::Never, distance_exponent: Some(2.0), ..push_pull },
        "production" => Epidemic::production(nodes),
        _ => return println!("see the source for the names of experiments"),
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
