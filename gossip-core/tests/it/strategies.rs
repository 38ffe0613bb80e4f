//! What strategies are chosen for, seen end to end in the simulator.
