//! The damage fuzz, at length:
//!
//! ```text
//! cargo run --release --example damage -- --files 100000 --seed 1
//! ```
//!
//! * `--files N`: how many files in all, the same number of each form
//! * `--seed N`: which
//! * `--form json|ecs|ocsf|csv|parquet`: of one form only
//! * `--at N`: one file, by the number that a fault is told with
//! * `--save FOLDER`: keeps the files with a fault there, and one that was asked for by its number
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test may fail")]
#![expect(clippy::print_stdout, reason = "it prints what it did")]

#[path = "mod.rs"]
mod damage;

use damage::{FORMS, Options, Sum};

fn main() {
    let (mut files, mut form) = (10_000, None);
    let mut options = Options {
        seed: 1,
        files: 0,
        first: 0,
        save: None,
    };
    let mut args = std::env::args().skip(1);
    let mut is_one = false;
    while let Some(name) = args.next() {
        let value = args.next().unwrap_or_default();
        match &*name {
            "--files" => files = value.parse().unwrap(),
            "--seed" => options.seed = value.parse().unwrap(),
            "--form" => form = Some(FORMS.iter().position(|form| *form == value).unwrap()),
            "--at" => (options.first, is_one) = (value.parse().unwrap(), true),
            "--save" => options.save = Some(value.into()),
            _ => panic!("{name} is no option"),
        }
    }
    // What fails inside the reference is what it finds; what fails in the program, that tells.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic
            .location()
            .is_some_and(|place| place.file().contains("tests/damage"))
        {
            told(panic);
        }
    }));
    let forms = form.map_or(0..FORMS.len(), |form| form..form + 1);
    options.files = if is_one {
        1
    } else {
        files / forms.len() as u64
    };
    let mut sums = Vec::new();
    for form in forms {
        let mut tell = |text: &str| {
            let text: String = text.chars().take(2000).collect();
            println!("{}", text.trim_end());
        };
        let sum = damage::run(form, &options, &mut tell);
        println!("{}: {:?}", FORMS[form], sum.faults);
        sums.push((FORMS[form], sum));
    }
    println!("{}", Sum::head());
    for (form, sum) in &sums {
        println!("{}", sum.row(form));
    }
    let n_failed: u64 = sums.iter().map(|(_, sum)| sum.failed).sum();
    let n_all: u64 = sums.iter().map(|(_, sum)| sum.files).sum();
    println!("{} passed, {n_failed} failed", n_all - n_failed);
    std::process::exit(i32::from(n_failed > 0));
}
