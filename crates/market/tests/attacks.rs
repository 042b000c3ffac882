//! Attacks, each of which leaves the attacker poorer than honesty would have.

use samebit_market::testing::ATTACKS;

#[test]
fn every_attack_loses() {
    for (name, attack) in ATTACKS {
        println!("{name}");
        attack();
    }
}
