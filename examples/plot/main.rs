//! Draws the pictures of docs/measured.md from what the benches print:
//!
//! ```text
//! oubliette bench subjects --json > subjects.json
//! oubliette bench covers --json > covers.json
//! cargo run --example plot -- docs/plots subjects.json covers.json
//! ```
#![expect(clippy::print_stdout, reason = "a command line tool speaks through it")]

mod canvas;
mod chart;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use canvas::Canvas;
use chart::{Chart, Scale, Series};
use serde_json::Value;

/// Points by the name of their curve.
type Curves = HashMap<String, Vec<(f64, f64)>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("where to? plot FOLDER FILE.json...")?;
    let mut curves = Curves::new();
    for file in args {
        read(&std::fs::read_to_string(&file)?, &mut curves)?;
    }
    if curves.contains_key("person-ms") {
        let mut canvas = Canvas::new(1200, 470);
        for (left, chart) in [(0, written(&curves)), (600, latency(&curves))] {
            chart.draw(&mut canvas, left, 600)?;
        }
        save(&canvas, &Path::new(&folder).join("deletion-by-people.png"))?;
    }
    if curves.contains_key("covers-mean") {
        let mut canvas = Canvas::new(800, 470);
        covers(&curves).draw(&mut canvas, 0, 800)?;
        save(&canvas, &Path::new(&folder).join("covers-by-progress.png"))?;
    }
    Ok(())
}

fn written(curves: &Curves) -> Chart {
    Chart {
        title: "KiB written by one deletion",
        note: "all files: both copies of the key pages, cell, ledger",
        x_title: "people in the vault",
        x_scale: Scale::Decades,
        series: vec![
            series(curves, "person-written", "a person (two commits)"),
            series(curves, "item-written", "a message or save (one commit)"),
        ],
    }
}

fn latency(curves: &Curves) -> Chart {
    Chart {
        title: "milliseconds of one deletion",
        note: "medians of 50, durable on all files",
        x_title: "people in the vault",
        x_scale: Scale::Decades,
        series: vec![
            series(curves, "person-ms", "a person (two commits)"),
            series(curves, "item-ms", "a message or save (one commit)"),
        ],
    }
}

fn covers(curves: &Curves) -> Chart {
    Chart {
        title: "cover pages (1 KiB) rewritten by one deletion",
        note: "random deletions in one long conversation",
        x_title: "messages deleted so far",
        x_scale: Scale::Linear,
        series: vec![
            series(curves, "covers-most", "most, of the 500 before"),
            series(curves, "covers-mean", "mean of the 500 before"),
        ],
    }
}

fn series(curves: &Curves, name: &str, label: &'static str) -> Series {
    let mut points = curves.get(name).cloned().unwrap_or_default();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Series { label, points }
}

/// Takes the figures that say which curve they are on.
fn read(json: &str, curves: &mut Curves) -> Result<(), Box<dyn Error>> {
    let figures: Vec<Value> = serde_json::from_str(json)?;
    for figure in figures {
        let number = |place| figure.pointer(place).and_then(Value::as_f64);
        let name = figure.pointer("/curve/name").and_then(Value::as_str);
        if let (Some(name), Some(x), Some(y)) = (name, number("/curve/x"), number("/value")) {
            curves.entry(name.to_owned()).or_default().push((x, y));
        }
    }
    Ok(())
}

fn save(canvas: &Canvas, path: &Path) -> Result<(), Box<dyn Error>> {
    canvas.save(path)?;
    println!("{}", path.display());
    Ok(())
}
