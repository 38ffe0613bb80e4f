//! Where a value lies on an axis, which values get a mark there, and how they are written.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::figure::Scale;

/// An axis from one value to another.
#[derive(Clone, Debug)]
pub(super) struct Coordinate {
    from: f64,
    to: f64,
    scale: Scale,
    ticks: usize,
    /// Whether marks stand at whole numbers only.
    whole: bool,
    /// Whether the lower end of a logarithmic axis stands for zero.
    zero: bool,
}

/// The most powers of ten that a logarithmic axis shows below its largest value: what lies deeper
/// is pressed against the edge.
const DECADES: f64 = 9.0;

impl Coordinate {
    /// An axis that holds all these values with about so many marks; a linear one that counts
    /// something begins at zero.
    pub(super) fn over(
        values: impl Iterator<Item = f64>,
        scale: Scale,
        from_zero: bool,
        ticks: usize,
    ) -> Self {
        let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let whole = finite.iter().all(|value| value.fract() == 0.0);
        let logarithmic = scale == Scale::Logarithmic;
        let zero = logarithmic && finite.iter().any(|value| *value <= 0.0);
        let kept = || finite.iter().copied().filter(|value| !logarithmic || *value > 0.0);
        let low = kept().fold(f64::INFINITY, f64::min);
        let high = kept().fold(f64::NEG_INFINITY, f64::max);
        let (from, to) = match scale {
            _ if high < low => (1.0, 10.0),
            Scale::Linear => {
                let low = if from_zero { low.min(0.0) } else { low };
                let high = if high > low { high } else { low + 1.0 };
                let step = step(high - low, ticks, whole);
                ((low / step).floor() * step, (high / step).ceil() * step)
            }
            Scale::Logarithmic => {
                let low = low.max(high / 10_f64.powf(DECADES));
                let wide = zero || high / low > 30.0;
                let below = if zero { low.log10().ceil() - 1.0 } else { low.log10().floor() };
                // Whole decades where there are several, and the values themselves otherwise.
                let (from, to) = match from_zero && wide {
                    true => (10_f64.powf(below), 10_f64.powf(high.log10().ceil())),
                    false => (low, high),
                };
                if to > from { (from, to) } else { (from / 2.0, to * 2.0) }
            }
        };
        Self { from, to, scale, ticks, whole, zero }
    }

    /// The same axis with room at both ends, in shares of its length.
    pub(super) fn widened(self, share: f64) -> Self {
        match self.scale {
            Scale::Linear => {
                let room = (self.to - self.from) * share;
                Self { from: self.from - room, to: self.to + room, ..self }
            }
            Scale::Logarithmic => {
                let room = (self.to / self.from).powf(share);
                Self { from: self.from / room, to: self.to * room, ..self }
            }
        }
    }

    /// The lower end.
    pub(super) const fn from(&self) -> f64 {
        self.from
    }

    fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Logarithmic => {
                let value = value.max(self.from);
                (value / self.from).ln() / (self.to / self.from).ln()
            }
        };
        share.clamp(0.0, 1.0)
    }

    fn marks(&self) -> Vec<f64> {
        let inside = |value: &f64| {
            let slack = (self.to - self.from) * 1e-9;
            (self.from - slack..=self.to + slack).contains(value)
        };
        match self.scale {
            Scale::Linear => {
                let step = step(self.to - self.from, self.ticks, self.whole);
                let first = (self.from / step).ceil();
                let places = (0..).map(|place| (first + f64::from(place)) * step);
                places.take_while(|value| *value <= self.to + step * 1e-6).filter(inside).collect()
            }
            Scale::Logarithmic => {
                let (low, high) = (self.from.log10().floor(), self.to.log10().ceil());
                let decades = (0..=(high - low) as i32).map(|place| low as i32 + place);
                let every = ((high - low) / self.ticks as f64).ceil().max(1.0) as i32;
                let between: &[f64] = if high - low > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let shown = decades.filter(|decade| decade.rem_euclid(every) == 0);
                let all =
                    shown.flat_map(|decade| between.iter().map(move |m| m * 10_f64.powi(decade)));
                all.filter(|value| *value >= self.from * 0.999 && *value <= self.to * 1.001)
                    .collect()
            }
        }
    }
}

impl Ranged for Coordinate {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        low + (f64::from(high - low) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Coordinate {
    fn format_ext(&self, value: &f64) -> String {
        let lowest = self.zero && *value <= self.from * 1.001;
        if lowest { "0".into() } else { number(*value) }
    }
}

/// The distance of about `ticks` marks over a length: 1, 2 or 5 of some power of ten.
fn step(length: f64, ticks: usize, whole: bool) -> f64 {
    let raw = length / ticks.max(1) as f64;
    if whole && raw < 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
    steps.into_iter().find(|step| *step >= raw * 0.999).unwrap_or(raw)
}

/// A number as people write it: thousands apart, no more digits than tell something, and very
/// small ones as powers of ten.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    if size < 0.000_95 {
        let power = size.log10().floor() as i32;
        let head = value / 10_f64.powi(power);
        // What rounds up to ten belongs to the next power.
        let (head, power) =
            if head.abs() >= 9.995 { (head / 10.0, power + 1) } else { (head, power) };
        let head = trimmed(&format!("{head:.2}"));
        let raised = raised(power);
        return if head == "1" { format!("10{raised}") } else { format!("{head}·10{raised}") };
    }
    if size >= 1_000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", crate::output::count(size.round() as u64));
    }
    let decimals = (3 - size.log10().floor() as i32 - 1).clamp(0, 5) as usize;
    trimmed(&format!("{value:.decimals$}"))
}

fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text.into()
    }
}

fn raised(power: i32) -> String {
    let digit = |sign: char| match sign {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        other => other.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(other),
    };
    power.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        let check = |value: f64, text: &str| assert_eq!(number(value), text);
        check(0.0, "0");
        check(4e-6, "4·10⁻⁶");
        check(1e-9, "10⁻⁹");
        check(9.999e-5, "10⁻⁴");
        check(5.8e-4, "5.8·10⁻⁴");
        check(0.036_9, "0.0369");
        check(3.3, "3.3");
        check(16.0, "16");
        check(100_000.0, "100,000");
        check(-2_000.0, "-2,000");
        check(f64::NAN, "–");
    }

    #[test]
    fn marks_are_round_numbers_inside_the_axis() {
        let check = |values: [f64; 2], scale: Scale, from_zero: bool, marks: &[f64]| {
            let axis = Coordinate::over(values.into_iter(), scale, from_zero, 5);
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= b.abs() * 1e-9;
            let found = axis.marks();
            assert!(found.len() == marks.len() && found.iter().zip(marks).all(close), "{found:?}");
        };
        check([0.0, 0.9], Scale::Linear, true, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        check([1.0, 3.0], Scale::Linear, false, &[1.0, 2.0, 3.0]);
        check([0.0, 0.002], Scale::Logarithmic, true, &[0.001, 0.002, 0.005, 0.01]);
        check([3.0, 17.0], Scale::Linear, true, &[0.0, 5.0, 10.0, 15.0, 20.0]);
        check(
            [0.001, 0.2],
            Scale::Logarithmic,
            true,
            &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0],
        );
        check([16.0, 100_000.0], Scale::Logarithmic, false, &[100.0, 1e3, 1e4, 1e5]);
        check([7.0, 7.0], Scale::Linear, false, &[7.0, 8.0]);
        check([0.0, 0.0], Scale::Logarithmic, true, &[1.0, 2.0, 5.0, 10.0]);
    }
}
