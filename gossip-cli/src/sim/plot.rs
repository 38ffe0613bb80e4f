//! Draws a [`Figure`] as SVG whose colours are variables, so that a page decides what they are.

use anyhow::Context as _;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::series::{AreaSeries, DashedLineSeries, LineSeries};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _, RGBColor, ShapeStyle, TextStyle};
use plotters_svg::SVGBackend;

use super::figure::{Figure, Mark, Series};
use super::scale::Coordinate;

/// How large a picture is before it is scaled to its place, in pixels of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// For a page or a column of it.
    pub(crate) const WIDE: Self = Self { width: 660, height: 320 };
    /// For a telephone.
    pub(crate) const NARROW: Self = Self { width: 360, height: 300 };
}

/// The lines' colours that a page has names for; more lines begin anew.
pub(crate) const COLOURS: u8 = 6;

/// Points of the drawing per pixel: places are whole points.
const FINE: u32 = 4;

/// What stands for a colour while plotters draws: no picture has these red and green parts of its
/// own, and the blue part says which.
const STAND_IN: (u8, u8) = (0xFA, 0xCE);

const INK: u8 = 0x10;
const FAINT: u8 = 0x11;
const GRID: u8 = 0x12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Coordinate, Coordinate>>;

/// Draws a figure as one `svg` element, which says what it shows to whoever cannot see it.
///
/// # Errors
/// When the library cannot draw it, which would be a mistake of ours.
pub(crate) fn draw(figure: &Figure, size: Size) -> anyhow::Result<String> {
    let mut drawn = String::new();
    {
        let points = (size.width * FINE, size.height * FINE);
        let area = SVGBackend::with_string(&mut drawn, points).into_drawing_area();
        let failed = || format!("cannot draw `{}`", figure.title);
        let rows = legend(figure, &area, size).ok().with_context(failed)?;
        plot(figure, &area, size, rows).ok().with_context(failed)?;
        area.present().ok().with_context(failed)?;
    }
    Ok(finished(&drawn, figure, size))
}

/// Names the lines above the picture, in as many rows as they need; returns how many.
fn legend(figure: &Figure, area: &Area<'_>, size: Size) -> Result<u32, Failed> {
    let mut place = (0, 0);
    if let [_] = figure.series.as_slice() {
        return Ok(0);
    }
    for (number, series) in (0..).zip(&figure.series) {
        let width = 26 + text_width(&series.label) + 14;
        if place.0 > 0 && place.0 + width > size.width {
            place = (0, place.1 + 1);
        }
        let (left, middle) = (px(place.0 + 2), px(place.1 * LEGEND + LEGEND / 2));
        let style = stroke(colour(number), 2.5);
        let sample = match series.mark {
            Mark::Dots => vec![],
            Mark::Dashes => vec![(0, 7), (11, 18)],
            Mark::Area | Mark::Bars | Mark::Line => vec![(0, 18)],
        };
        for (from, to) in sample {
            area.draw(&PathElement::new(
                vec![(left + px(from), middle), (left + px(to), middle)],
                style,
            ))?;
        }
        if series.mark == Mark::Dots {
            area.draw(&Circle::new((left + px(9), middle), px(4), colour(number).filled()))?;
        }
        let style = text(INK, 12.0).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(series.label.clone(), (left + px(24), middle), style))?;
        place.0 += width;
    }
    Ok(place.1 + 1)
}

fn plot(figure: &Figure, area: &Area<'_>, size: Size, rows: u32) -> Result<(), Failed> {
    let all = || figure.series.iter().flat_map(|series| &series.points);
    let bars = figure.series.iter().any(|series| series.mark == Mark::Bars);
    let ticks = (size.width / 62).max(4) as usize;
    let x = Coordinate::over(all().map(|[x, _]| *x), figure.x.scale, false, ticks);
    let x = if bars { x.widened(0.5 / distinct(figure).max(1) as f64) } else { x.widened(0.02) };
    let y = Coordinate::over(all().map(|[_, y]| *y), figure.y.scale, true, 5);
    let ground = y.from();
    let (_, below) = area.split_vertically(px(rows * LEGEND + 20));
    let label = text(FAINT, 12.0).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(figure.y.label.clone(), (px(2), px(rows * LEGEND + 10)), label))?;
    let mut chart = ChartBuilder::on(&below)
        .margin_top(px(4))
        .margin_right(px(26))
        .x_label_area_size(px(42))
        .y_label_area_size(px(y_label_width(&y)))
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(stroke(shade(GRID), 1.0))
        .bold_line_style(stroke(shade(GRID), 1.0))
        .axis_style(stroke(shade(FAINT), 1.0))
        .x_desc(&figure.x.label)
        .axis_desc_style(text(FAINT, 12.0))
        .label_style(text(FAINT, 12.0))
        .set_all_tick_mark_size(px(4))
        .draw()?;
    for (number, series) in (0..).zip(&figure.series) {
        line(&mut chart, figure, series, number, ground)?;
    }
    Ok(())
}

fn line(
    chart: &mut Chart<'_, '_>,
    figure: &Figure,
    series: &Series,
    number: u8,
    ground: f64,
) -> Result<(), Failed> {
    let colour = colour(number);
    let points = || series.points.iter().map(|[x, y]| (*x, *y));
    let style = stroke(colour, 2.5);
    match series.mark {
        Mark::Area => {
            let fill = colour.mix(0.16).filled();
            chart.draw_series(AreaSeries::new(points(), ground, fill).border_style(style))?;
        }
        Mark::Bars => {
            let of = figure.series.iter().filter(|series| series.mark == Mark::Bars).count();
            let width = 0.8 * narrowest(figure) / of.max(1) as f64;
            let left = width * (f64::from(number) - of as f64 / 2.0);
            let bar = |(x, y): (f64, f64)| {
                Rectangle::new(
                    [(x + left, ground), (x + left + width, y)],
                    colour.mix(0.85).filled(),
                )
            };
            chart.draw_series(points().map(bar))?;
        }
        Mark::Dashes => {
            let dashes = DashedLineSeries::new(points(), px(6), px(4), style);
            chart.draw_series(dashes)?;
        }
        Mark::Dots => {
            chart.draw_series(points().map(|at| Circle::new(at, px(4), colour.filled())))?;
        }
        Mark::Line => {
            let dotted = series.points.len() <= MOST_DOTS;
            chart.draw_series(LineSeries::new(points(), style))?;
            let dots = points().filter(|_| dotted);
            chart.draw_series(dots.map(|at| Circle::new(at, px(3), colour.filled())))?;
        }
    }
    Ok(())
}

/// Why the library could not draw.
type Failed = plotters::drawing::DrawingAreaErrorKind<std::io::Error>;

/// The height of a row of the legend, in pixels.
const LEGEND: u32 = 20;

/// Lines of more points than this show no dots.
const MOST_DOTS: usize = 40;

fn px(pixels: impl Into<i64>) -> i32 {
    i32::try_from(pixels.into() * i64::from(FINE)).unwrap_or(i32::MAX)
}

fn shade(which: u8) -> RGBColor {
    RGBColor(STAND_IN.0, STAND_IN.1, which)
}

fn colour(number: u8) -> RGBColor {
    shade(number % COLOURS)
}

fn stroke(colour: RGBColor, pixels: f64) -> ShapeStyle {
    colour.stroke_width((pixels * f64::from(FINE)).round() as u32)
}

fn text(shade_of: u8, pixels: f64) -> TextStyle<'static> {
    // The library writes what it calls the size divided by 1.24.
    ("sans-serif", pixels * f64::from(FINE) * 1.24).into_font().color(&shade(shade_of))
}

/// About how many pixels a text takes: 12 pixels high, with letters of 0.56 of that.
fn text_width(text: &str) -> u32 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    letters.saturating_mul(27) / 4
}

fn y_label_width(y: &Coordinate) -> u32 {
    use plotters::coord::ranged1d::{Ranged as _, ValueFormatter as _};
    let labels = y.key_points(8_usize);
    labels.iter().map(|label| text_width(&y.format_ext(label))).max().unwrap_or(0).max(14) + 12
}

fn distinct(figure: &Figure) -> usize {
    let (from, to) = ends(figure);
    ((to - from) / narrowest(figure)).round() as usize + 1
}

fn ends(figure: &Figure) -> (f64, f64) {
    let xs = || figure.series.iter().flat_map(|series| &series.points).map(|[x, _]| *x);
    (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max))
}

/// The smallest distance between two places on the horizontal axis.
fn narrowest(figure: &Figure) -> f64 {
    let xs: Vec<f64> = super::figure::rows(figure).into_iter().map(|(x, _)| x).collect();
    let gaps = xs.iter().zip(xs.iter().skip(1)).map(|(a, b)| b - a);
    let narrowest = gaps.fold(f64::INFINITY, f64::min);
    if narrowest.is_finite() { narrowest } else { 1.0 }
}

/// The drawing with names of colours, without what only a file needs, and with words.
fn finished(drawn: &str, figure: &Figure, size: Size) -> String {
    let mut svg = drawn.to_owned();
    let shades = (0..COLOURS).map(|number| (number, format!("line-{number}")));
    let rest = [(INK, "ink"), (FAINT, "faint"), (GRID, "grid")];
    for (which, name) in shades.chain(rest.map(|(which, name)| (which, name.to_owned()))) {
        let hex = format!("#{:02X}{:02X}{which:02X}", STAND_IN.0, STAND_IN.1);
        svg = svg.replace(&hex, &format!("var(--{name})"));
    }
    let body = svg.split_once('>').map_or("", |(_, body)| body).trim();
    let Size { width, height } = size;
    let (title, about) = (escaped(&figure.title), escaped(&figure.about));
    let view = format!("0 0 {} {}", width * FINE, height * FINE);
    format!(
        "<svg viewBox=\"{view}\" role=\"img\">\n<title>{title}</title>\n<desc>{about}</desc>\n{body}\n"
    )
}

/// A figure as a file of its own, which is readable in light and dark rooms.
///
/// # Errors
/// As [`draw`].
pub(crate) fn file(figure: &Figure) -> anyhow::Result<String> {
    let Size { width, height } = Size::WIDE;
    let drawn = draw(figure, Size::WIDE)?;
    let (light, dark) = palette();
    let named = drawn.split_once('\n').map_or("", |(_, rest)| rest);
    let view = format!("0 0 {} {}", width * FINE, height * FINE);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"{view}\" role=\"img\">\n\
         <style>\n:root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}\n\
         text {{ font-family: system-ui, \"Liberation Sans\", sans-serif; }}\n</style>\n{named}"
    ))
}

/// The colours of the report's page, for light and for dark.
fn palette() -> (String, String) {
    let lines = include_str!("report/page.css").lines().map(str::trim);
    let (mut light, mut dark) = (String::new(), String::new());
    for line in lines.filter(|line| line.starts_with("--")) {
        let Some((name, pair)) = line.split_once(": light-dark(") else { continue };
        let Some((day, night)) = pair.trim_end_matches(");").split_once(", ") else { continue };
        light += &format!("{name}: {day}; ");
        dark += &format!("{name}: {night}; ");
    }
    (light, dark)
}

/// Text as markup takes it.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::figure::Axis;

    fn figure(mark: Mark, points: &[(f64, f64)]) -> Figure {
        let series = || Series::new("a < b", mark, points.iter().copied());
        Figure {
            id: "f".into(),
            title: "A & B".into(),
            about: "What it shows.".into(),
            x: Axis::linear("x"),
            y: Axis::logarithmic("y"),
            series: vec![series(), series()],
        }
    }

    #[test]
    fn everything_is_drawn_in_the_colours_of_the_page() {
        for mark in [Mark::Area, Mark::Bars, Mark::Dashes, Mark::Dots, Mark::Line] {
            let drawn =
                draw(&figure(mark, &[(1.0, 0.5), (2.0, 0.0), (4.0, 0.25)]), Size::WIDE).unwrap();
            assert!(!drawn.contains('#'), "a colour of its own in {drawn}");
            assert!(drawn.contains("var(--line-0)") && drawn.contains("var(--line-1)"));
            assert!(drawn.contains("<title>A &amp; B</title>") && drawn.contains("a &lt; b"));
        }
    }

    #[test]
    fn pictures_of_little_are_drawn_too() {
        for points in [&[][..], &[(1.0, 0.0)], &[(1.0, f64::NAN), (1.0, 3.0)]] {
            for mark in [Mark::Area, Mark::Bars, Mark::Dashes, Mark::Dots, Mark::Line] {
                draw(&figure(mark, points), Size::NARROW).unwrap();
            }
        }
    }

    #[test]
    fn files_bring_their_colours() {
        let file = file(&figure(Mark::Line, &[(1.0, 2.0), (2.0, 3.0)])).unwrap();
        for used in file.split("var(").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert_eq!(file.matches(&format!("{used}:")).count(), 2, "{used} in light and in dark");
        }
    }
}
