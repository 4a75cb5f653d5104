//! What a case must know of each scenario, by the list that `synth` writes: the tables and the page are checked for it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use trailsift::synth::Scenario;

use crate::investigate::events;
use crate::lake::Lake;
use crate::scenario::{
    about, as_text, expected, held, list, named, neighbours, planted, runs, scene,
};

/// The number of events that the rule must find, for each scenario, and of near misses.
const SCENARIOS: [(Scenario, (u64, u64)); 4] = [
    (Scenario::LeakedKey, (1, 3)),
    (Scenario::RoleChain, (1, 0)),
    (Scenario::FalseAlarm, (2, 2)),
    (Scenario::TwoUsers, (1, 0)),
];

/// The facts of a list.
fn facts(lake: &Lake) -> Vec<Value> {
    let all = planted(lake).into_iter();
    all.filter(|line| line["kind"] == "fact").collect()
}

fn text<'a>(fact: &'a Value, name: &str) -> &'a str {
    let text = fact[name].as_str();
    text.unwrap_or_else(|| panic!("{name} of {fact}"))
}

/// A time as pages show it.
fn time(fact: &Value, name: &str) -> String {
    text(fact, name).replace('T', " ")
}

/// Investigates with these options.
fn investigate(lake: &Lake, options: &str) {
    fs::remove_dir_all(lake.beside("case")).ok();
    let mut args = vec!["investigate", "--quiet", "-o", "case"];
    args.extend(options.split_whitespace());
    if !options.contains("--user") {
        args.push("alerts.parquet");
    }
    runs(lake, &[&args[..], &["logs"]].concat());
}

/// The part of a page about a user.
struct Section<'a> {
    lake: &'a Lake,
    text: String,
    /// What it is about, for messages.
    about: String,
}

impl Section<'_> {
    #[track_caller]
    fn has(&self, part: &str, in_text: &str) {
        assert!(
            in_text.contains(part),
            "{}: {part:?} is not in {in_text}",
            self.about
        );
    }

    /// The row of the verdict with this name.
    #[track_caller]
    fn verdict(&self, name: &str) -> &str {
        let before = format!("| {name} |");
        let row = self
            .text
            .lines()
            .find_map(|line| line.strip_prefix(&before));
        row.unwrap_or_else(|| panic!("{}: no {name} in {}", self.about, self.text))
            .trim()
    }

    /// The text below a heading.
    #[track_caller]
    fn below(&self, heading: &str) -> &str {
        let (_, below) = self.text.split_once(&format!("### {heading}\n")).unwrap();
        below.split("\n### ").next().unwrap()
    }

    /// The row of the table below a heading that begins with these cells.
    #[track_caller]
    fn row(&self, heading: &str, cells: &[&str]) -> &str {
        let before = format!("| {} |", cells.join(" | "));
        let mut rows = self.below(heading).lines();
        let row = rows.find(|line| line.starts_with(&before));
        row.unwrap_or_else(|| panic!("{}: no {before} in {}", self.about, self.below(heading)))
    }

    #[track_caller]
    fn check(&self, fact: &Value) {
        let verdicts = [
            ("role", "Roles taken"),
            ("touched", "Data touched"),
            ("logging", "Calls against logs"),
            ("foreign_address", "Foreign addresses"),
            ("usual_address", "Usual addresses"),
        ];
        let what = text(fact, "fact");
        if let Some((_, row)) = verdicts.iter().find(|(name, _)| *name == what) {
            return self.has(text(fact, "words"), self.verdict(row));
        }
        match what {
            "leaked_key" => self.leaked_key(fact),
            "usable" => self.usable(fact),
            "no_leaked_key" => self.no_leaked_key(),
            "first_foreign_use" => self.first_foreign_use(fact),
            "quarantine" => self.quarantine(fact),
            "key" => {
                let row = self.row("Keys", &[text(fact, "key")]);
                self.has(&at_end(fact), row);
            }
            "made" => self.made(fact),
            "left" => self.left(fact),
            "other" => self.other(fact),
            "said" => self.has(text(fact, "words"), &self.text),
            _ => panic!("{fact}: nothing checks this"),
        }
    }

    fn leaked_key(&self, fact: &Value) {
        let row = self.verdict("Probably leaked");
        self.has(&format!("{}: ", text(fact, "key")), row);
        self.has(&format!("At the end of the log: {}", at_end(fact)), row);
        self.has("probably leaked", self.row("Keys", &[text(fact, "key")]));
    }

    fn usable(&self, fact: &Value) {
        let mut rows = self.text.lines();
        let is_one = |line: &&str| line.starts_with("| Usable at the end of the log (");
        let row = rows.find(is_one).unwrap();
        let keys = fact["keys"].as_array().unwrap();
        if keys.is_empty() {
            return self.has(
                "| the log shows no usable key that leaked or was made by an intruder",
                row,
            );
        }
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str().unwrap()).collect();
        self.has(&format!("| yes: {}", keys.join(" ")), row);
    }

    fn no_leaked_key(&self) {
        assert!(
            self.verdict("Probably leaked").starts_with("no key: "),
            "{}",
            self.text
        );
        for claim in [
            "leaked key",
            "probably leaked",
            "**intruder**",
            "the intruder",
            "leaked key usable",
            "Make each key",
        ] {
            assert!(!self.text.contains(claim), "{claim}: {}", self.text);
        }
        assert_eq!(self.verdict("First foreign use"), "none was recognised |");
        assert_eq!(self.verdict("Foreign addresses"), "none was recognised |");
    }

    fn first_foreign_use(&self, fact: &Value) {
        let row = self.verdict("First foreign use");
        self.has(&time(fact, "time"), row);
        self.has(&format!("from {} with ", text(fact, "address")), row);
        let events = events(&self.lake.beside("case"));
        let id = text(fact, "event");
        assert!(
            events.iter().any(|(held, ..)| held == id),
            "{}: {id}",
            self.about
        );
    }

    fn quarantine(&self, fact: &Value) {
        let row = self.verdict("Quarantine");
        let expected = match text(fact, "state") {
            "never" => return self.has("none was seen", row),
            "in force" => format!("since {}", time(fact, "time")),
            _ => format!(
                "lifted {} by {}",
                time(fact, "lifted"),
                text(fact, "lifted_by")
            ),
        };
        self.has(&expected, row);
        let by = match text(fact, "by") {
            "AWS" => "AWS (logged under ",
            arn => arn,
        };
        if by.starts_with("AWS") {
            // The other outputs do not say that the user did it, either.
            let timeline = fs::read(self.lake.beside("case/timeline.jsonl")).unwrap();
            let timeline = String::from_utf8(timeline).unwrap();
            self.has("\"message\":\"AWS (logged under arn:aws:iam::", &timeline);
        }
        let by = format!("{}, by {by}", time(fact, "time"));
        self.has(&by, self.below("The quarantine"));
        let beginnings = about(self.lake)["beginnings"].to_string();
        self.has(text(fact, "time"), &beginnings);
    }

    fn made(&self, fact: &Value) {
        let [kind, name, by] = ["thing", "name", "by"].map(|name| text(fact, name));
        let row = self.row("What was made", &[kind, name, &time(fact, "time"), by]);
        let is_by_user = by.ends_with(&format!(":user/{}", text(fact, "user_name")));
        let maker = match text(fact, "maker") {
            "intruder" => "| made by the intruder |",
            "response" => "| made by the response |",
            _ if is_by_user => "| made by the user |",
            _ => "| made by others before the quarantine |",
        };
        self.has(maker, row);
        match fact["removed"].is_string() {
            true => {
                let (removed, by) = (time(fact, "removed"), text(fact, "removed_by"));
                self.has(&format!("| removed {removed} by {by} |"), row);
            }
            false => self.has("| still there", row),
        }
    }

    fn left(&self, fact: &Value) {
        let row = self.verdict("Left behind");
        let names = fact["names"].as_array().unwrap();
        if names.is_empty() {
            return self.has(
                "the log shows nothing that an intruder made and nobody removed",
                row,
            );
        }
        assert_eq!(
            row.split("; ").count(),
            names.len(),
            "{}: {row}",
            self.about
        );
        for name in names {
            self.has(name.as_str().unwrap(), row);
        }
    }

    fn other(&self, fact: &Value) {
        let [name, account, address] = ["name", "account", "address"].map(|name| text(fact, name));
        let row = self.verdict("Others at the foreign addresses");
        self.has(&format!("user {name} in {account}: "), row);
        self.has(&format!("from {address}"), row);
        let neighbours = neighbours(self.lake);
        let is_one = |one: &&(String, String, i64)| one.0 == address && one.1 == name;
        assert!(neighbours.iter().any(|one| is_one(&one)), "{neighbours:?}");
        // It is near the top: before what to do, and what to do has it.
        let at = |part: &str| self.text.find(part).unwrap();
        assert!(at(&format!("user {name} in {account}: ")) < at("### Do now"));
        self.has(&format!("--user-name {name}"), self.below("Do now"));
    }
}

/// The state of a key at the end, in the words of a page.
fn at_end(fact: &Value) -> String {
    match text(fact, "at_end") {
        "active" => "active: this archive has no event that switched it off".to_owned(),
        "inactive" => "inactive since ".to_owned(),
        other => other.to_owned(),
    }
}

fn check_facts(lake: &Lake, options: &str, facts: &[Value]) {
    let with = |fact: &&Value| {
        fact["with"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one == options)
    };
    let facts: Vec<&Value> = facts.iter().filter(with).collect();
    assert!(!facts.is_empty());
    investigate(lake, options);
    let ticket = as_text(lake).replace(['\\', '`'], "");
    let page = fs::read(lake.beside("case/report.html")).unwrap();
    let page = String::from_utf8(page).unwrap();
    for fact in facts {
        let heading = format!(
            "\n## {} in {}\n",
            text(fact, "user_name"),
            text(fact, "account_id")
        );
        // A case that begins with a name has users of any account.
        let of_any = format!("\n## {}\n", text(fact, "user_name"));
        let mut parts = ticket
            .split_once(&heading)
            .or_else(|| ticket.split_once(&of_any));
        let (_, rest) = parts
            .take()
            .unwrap_or_else(|| panic!("{heading}: {ticket}"));
        let section = Section {
            lake,
            text: rest.split("\n## ").next().unwrap().to_owned(),
            about: format!("{fact} with {options:?}"),
        };
        section.check(fact);
        if let Some(key) = fact["key"].as_str() {
            assert!(page.contains(key), "{fact}");
        }
    }
}

#[test]
fn each_scenario_is_found_as_its_list_says_whatever_the_windows() {
    for (scenario, planted) in SCENARIOS {
        for seed in [1, 2] {
            let lake = scene(scenario, seed, planted);
            runs(&lake, &["hunt", "--quiet", "logs", "-o", "alerts.parquet"]);
            let facts = facts(&lake);
            let all = facts
                .iter()
                .flat_map(|fact| fact["with"].as_array().unwrap());
            let all: BTreeSet<&str> = all.map(|one| one.as_str().unwrap()).collect();
            assert!(all.contains("") && all.len() > 1, "{all:?}");
            for options in all {
                check_facts(&lake, options, &facts);
                if options.is_empty() {
                    let list = list(&lake);
                    let expected = named(&expected(&list), &list);
                    assert_eq!(named(&held(&lake), &list), expected, "{scenario:?}");
                }
            }
        }
    }
}
