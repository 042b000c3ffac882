//! Loss curves as SVG: means of ten steps, and below them the differences from f32, magnified.

use super::runs::SEEDS;
use super::table::{Losses, mean};
use samebit_num::fold::Numerics;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 50.0;
/// Steps of a point.
const WINDOW: usize = 10;
/// The differences' axis, in nats.
const LARGEST_DIFFERENCE: f64 = 0.06;
const COLOURS: [&str; 4] = ["#222222", "#d1495b", "#00798c", "#8f7ac6"];

/// The curves of a model's runs.
pub fn svg(losses: &Losses) -> String {
    let smooth = |values: &[f64]| values.chunks(WINDOW).map(mean).collect::<Vec<_>>();
    let longest = losses.0.iter().map(|(_, _, values)| values.len()).max().unwrap_or(1);
    let greatest = losses.0.iter().map(|(_, _, values)| smooth(values)[0]).fold(0.0, f64::max);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        WIDTH + 2.0 * MARGIN,
        2.0 * HEIGHT + 3.0 * MARGIN,
    );
    let x = |index: usize| MARGIN + WIDTH * (index * WINDOW) as f64 / longest as f64;
    let upper = |loss: f64| MARGIN + HEIGHT * (1.0 - loss / greatest);
    let lower = |difference: f64| {
        let share = (difference / LARGEST_DIFFERENCE).clamp(-1.0, 1.0);
        2.0 * MARGIN + HEIGHT * (1.5 - share / 2.0)
    };
    for tick in 0..=5 {
        let loss = greatest * f64::from(tick) / 5.0;
        axis(&mut text, upper(loss), &format!("{loss:.1}"));
        let difference = LARGEST_DIFFERENCE * (f64::from(tick) / 2.5 - 1.0);
        axis(&mut text, lower(difference), &format!("{difference:+.3}"));
    }
    for (index, (numerics, colour)) in Numerics::ALL.into_iter().zip(COLOURS).enumerate() {
        for (dash, seed) in ["", " stroke-dasharray=\"4 3\""].into_iter().zip(SEEDS) {
            let of = |wanted| losses.0.iter().find(|(held, s, _)| (*held, *s) == (wanted, seed));
            let Some((_, _, values)) = of(numerics) else { continue };
            let points = smooth(values).into_iter().enumerate().map(|(i, loss)| (x(i), upper(loss)));
            line(&mut text, points, colour, dash);
            if let Some((_, _, base)) = of(Numerics::F32).filter(|_| numerics != Numerics::F32) {
                let differences: Vec<f64> = values.iter().zip(base).map(|(loss, base)| loss - base).collect();
                let points = smooth(&differences).into_iter().enumerate().map(|(i, d)| (x(i), lower(d)));
                line(&mut text, points, colour, dash);
            }
        }
        let place = MARGIN + 120.0 * index as f64;
        writeln!(text, "<text x=\"{place}\" y=\"30\" fill=\"{colour}\">{}</text>", numerics.name())
            .expect("a string");
    }
    writeln!(
        text,
        "<text x=\"{MARGIN}\" y=\"{}\">difference from f32 (nats), means of {WINDOW} of {longest} steps; the second seed is dashed</text>\n</svg>",
        HEIGHT + 1.7 * MARGIN
    )
    .expect("a string");
    text
}

fn axis(text: &mut String, y: f64, label: &str) {
    let end = MARGIN + WIDTH;
    writeln!(
        text,
        "<path d=\"M{MARGIN} {y:.1}H{end}\" stroke=\"#dddddd\"/><text x=\"6\" y=\"{:.1}\">{label}</text>",
        y + 4.0
    )
    .expect("a string");
}

fn line(text: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str, dash: &str) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    writeln!(text, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"{dash}/>", points.join(" "))
        .expect("a string");
}
