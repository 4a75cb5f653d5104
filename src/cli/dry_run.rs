//! `trailsift hunt --dry-run`: what would be read, without opening any of it.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{BinaryBytes, HumanCount};
use trailsift::config::HuntConfig;
use trailsift::input::discover::Found;
use trailsift::input::layout::Origin;
use trailsift::pipeline;

use super::exit::Exit;
use super::{print, terminal};

/// Files and their bytes as stored.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    n_files: u64,
    n_bytes: u64,
}

impl Sum {
    fn add(&mut self, n_bytes: u64) {
        self.n_files += 1;
        self.n_bytes += n_bytes;
    }
}

/// Walks, and prints how many files and bytes a hunt would read, by account, region and year.
pub(super) fn run(config: &HuntConfig) -> anyhow::Result<Exit> {
    let mut sums: BTreeMap<Origin, Sum> = BTreeMap::new();
    let (mut all, mut n_passed_over, mut is_complete) = (Sum::default(), 0_u64, true);
    pipeline::plan(config, &mut |found| match found {
        Found::Source(source) => {
            all.add(source.stored_bytes);
            let sum = sums.entry(Origin::of(&source.path)).or_default();
            sum.add(source.stored_bytes);
        }
        Found::Defect { path, defect } => {
            is_complete = false;
            let text = format!("{}: {}", path.display(), defect.message);
            let text = terminal::harmless(&text, usize::MAX);
            terminal::line(&format!("{}: {text}", terminal::red("error")));
        }
        Found::PassedOver => n_passed_over += 1,
        Found::Link | Found::Repeated => {}
    });
    let mut table = table(&sums).to_string();
    table += &format!(
        "\n{} files, {} as stored, would be read; {} folders passed over\n",
        HumanCount(all.n_files),
        BinaryBytes(all.n_bytes),
        HumanCount(n_passed_over)
    );
    print(table.as_bytes())?;
    Ok(match is_complete {
        true => Exit::Complete,
        false => Exit::Incomplete,
    })
}

fn table(sums: &BTreeMap<Origin, Sum>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["account", "region", "year", "files", "bytes"]);
    for (origin, sum) in sums {
        let known = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([
            known(&origin.account),
            known(&origin.region),
            known(&origin.year),
            HumanCount(sum.n_files).to_string(),
            BinaryBytes(sum.n_bytes).to_string(),
        ]);
    }
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
