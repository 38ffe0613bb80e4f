//! A straight line through measured points.

/// `intercept + slope * x`, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) slope: f64,
    pub(crate) intercept: f64,
    /// The share of the points' variance that the line explains; 1 when they lie on it.
    pub(crate) r_squared: f64,
}

impl Line {
    /// The line through these points; nothing for less than three, which say nothing about it.
    pub(crate) fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
        let sum = |of: &dyn Fn(f64, f64) -> f64| {
            points.iter().map(|(a, b)| of(a - x, b - y)).sum::<f64>()
        };
        let (xx, xy, yy) = (sum(&|a, _| a * a), sum(&|a, b| a * b), sum(&|_, b| b * b));
        if points.len() < 3 || xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        let r_squared = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
        Some(Self { slope, intercept: y - slope * x, r_squared })
    }

    pub(crate) fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_and_how_well_it_fits() {
        let exact = Line::through(&[(0.0, 1.0), (2.0, 5.0), (4.0, 9.0)]).unwrap();
        assert_eq!(exact, Line { slope: 2.0, intercept: 1.0, r_squared: 1.0 });
        assert_eq!(exact.at(10.0), 21.0);
        let bent = Line::through(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]).unwrap();
        assert_eq!((bent.slope, bent.r_squared), (0.0, 0.0));
        assert_eq!(Line::through(&[(0.0, 1.0), (1.0, 3.0)]), None);
        assert_eq!(Line::through(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }
}
