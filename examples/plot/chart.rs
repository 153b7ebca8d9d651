//! A chart: axes with their numbers, and lines through points.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_8X13, FONT_9X15_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, Polyline, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Text};

use crate::canvas::Canvas;

const INK: Rgb888 = Rgb888::new(0x22, 0x22, 0x22);
const PALE: Rgb888 = Rgb888::new(0xdd, 0xdd, 0xdd);
const COLORS: [Rgb888; 2] = [Rgb888::new(0xc0, 0x39, 0x2b), Rgb888::new(0x1f, 0x5f, 0xa8)];
/// Room around the plot itself: left, top, right, bottom.
const ROOM: (i32, i32, i32, i32) = (70, 100, 45, 55);
/// Lines across.
const STEPS: i32 = 5;

#[derive(Clone, Copy)]
pub(crate) enum Scale {
    Linear,
    Decades,
}

pub(crate) struct Series {
    pub(crate) label: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Heights begin at 0, and their unit is in the title.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    pub(crate) x_title: &'static str,
    pub(crate) x_scale: Scale,
    pub(crate) series: Vec<Series>,
}

/// From values to pixels.
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    x: (f64, f64),
    highest: f64,
    scale: Scale,
}

impl Chart {
    pub(crate) fn draw(&self, canvas: &mut Canvas, left: i32, width: i32) -> Result<(), Infallible> {
        let frame = self.frame(canvas.height(), left, width);
        write(canvas, self.title, (left + 20, 26), Alignment::Left, true, INK)?;
        write(canvas, self.note, (left + 20, 46), Alignment::Left, false, INK)?;
        frame.draw_heights(canvas)?;
        frame.draw_places(canvas)?;
        let middle = (frame.left + frame.right) / 2;
        write(canvas, self.x_title, (middle, frame.bottom + 42), Alignment::Center, false, INK)?;
        for (n, (series, color)) in self.series.iter().zip(COLORS).enumerate() {
            let y = 66 + 16 * n as i32;
            line(canvas, (left + 20, y - 4), (left + 50, y - 4), color, 3)?;
            write(canvas, series.label, (left + 60, y), Alignment::Left, false, INK)?;
            frame.draw_series(canvas, series, color)?;
        }
        Ok(())
    }

    fn frame(&self, height: i32, left: i32, width: i32) -> Frame {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let highest = points().map(|point| point.1).fold(1.0, f64::max);
        let (low, high) =
            points().fold((f64::MAX, 1.0), |(low, high), point| (point.0.min(low), point.0.max(high)));
        let x = match self.x_scale {
            Scale::Linear => (0.0, high),
            Scale::Decades => (low.log10().floor(), high.log10().ceil()),
        };
        Frame {
            left: left + ROOM.0,
            right: left + width - ROOM.2,
            top: ROOM.1,
            bottom: height - ROOM.3,
            x,
            highest: round_up(highest * 1.05),
            scale: self.x_scale,
        }
    }
}

impl Frame {
    fn x(&self, value: f64) -> i32 {
        let value = if matches!(self.scale, Scale::Decades) { value.log10() } else { value };
        let share = (value - self.x.0) / (self.x.1 - self.x.0);
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        self.bottom - (value / self.highest * f64::from(self.bottom - self.top)).round() as i32
    }

    fn draw_heights(&self, canvas: &mut Canvas) -> Result<(), Infallible> {
        for step in 0..=STEPS {
            let value = self.highest * f64::from(step) / f64::from(STEPS);
            let y = self.y(value);
            line(canvas, (self.left, y), (self.right, y), if step == 0 { INK } else { PALE }, 1)?;
            write(canvas, &number(value), (self.left - 8, y + 4), Alignment::Right, false, INK)?;
        }
        line(canvas, (self.left, self.top), (self.left, self.bottom), INK, 1)
    }

    fn draw_places(&self, canvas: &mut Canvas) -> Result<(), Infallible> {
        let places: Vec<f64> = match self.scale {
            Scale::Linear => (0..=STEPS).map(|n| self.x.1 * f64::from(n) / f64::from(STEPS)).collect(),
            Scale::Decades => (self.x.0 as i32..=self.x.1 as i32).map(|n| 10_f64.powi(n)).collect(),
        };
        for place in places {
            let x = self.x(place);
            line(canvas, (x, self.bottom), (x, self.bottom + 5), INK, 1)?;
            write(canvas, &number(place), (x, self.bottom + 20), Alignment::Center, false, INK)?;
        }
        Ok(())
    }

    fn draw_series(&self, canvas: &mut Canvas, series: &Series, color: Rgb888) -> Result<(), Infallible> {
        let points: Vec<Point> =
            series.points.iter().map(|(x, y)| Point::new(self.x(*x), self.y(*y))).collect();
        Polyline::new(&points).into_styled(PrimitiveStyle::with_stroke(color, 2)).draw(canvas)?;
        for point in points {
            Circle::with_center(point, 9).into_styled(PrimitiveStyle::with_fill(color)).draw(canvas)?;
        }
        Ok(())
    }
}

/// The next number that divides well into steps.
fn round_up(value: f64) -> f64 {
    let unit = 10_f64.powf(value.log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .map(|factor| factor * unit)
        .into_iter()
        .find(|round| *round >= value)
        .unwrap_or(value)
}

/// With a space between thousands.
fn number(value: f64) -> String {
    if value < 10.0 && value.fract() > 1e-9 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn line(
    canvas: &mut Canvas,
    from: (i32, i32),
    to: (i32, i32),
    color: Rgb888,
    width: u32,
) -> Result<(), Infallible> {
    Line::new(from.into(), to.into()).into_styled(PrimitiveStyle::with_stroke(color, width)).draw(canvas)
}

fn write(
    canvas: &mut Canvas,
    text: &str,
    at: (i32, i32),
    alignment: Alignment,
    bold: bool,
    color: Rgb888,
) -> Result<(), Infallible> {
    let font = if bold { &FONT_9X15_BOLD } else { &FONT_8X13 };
    Text::with_alignment(text, at.into(), MonoTextStyle::new(font, color), alignment).draw(canvas)?;
    Ok(())
}
