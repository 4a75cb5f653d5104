//! What rules over several events need from run to run.
//!
//! 1. Each event that such a rule is about is kept as soon as it is found ([`Ledger::keep`]), in the transaction that marks
//!    its source as done. When a ledger is opened, what was kept of sources that are not done is deleted.
//! 2. At its end a run decides on all that is kept. What it tells ([`Ledger::tell`]) is pending until its output has its
//!    name; [`pending_delivered`] is part of that transaction. It also deletes what no later run needs.
//! 3. If the output does not get its name, the next run decides again.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Ledger, LedgerError, State};
use crate::ledger::{Joined, JoinedRule, Kept, NewlyTold, ToKeep};

/// Number of tuples that are read at a time.
const TUPLES_AT_ONCE: i64 = 1024;

const TABLES: &str = "
    -- Rules over several events. `joined` is the last tuple that was kept before the rule came, `begin` the earliest time
    -- that the rule knows of.
    CREATE TABLE IF NOT EXISTS over_time_rule (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
        joined INTEGER NOT NULL, begin INTEGER, begin_next INTEGER);
    -- What is kept of events, for a rule each. `event` is the first tuple of the same event, and `until` the last time for
    -- which it matters.
    CREATE TABLE IF NOT EXISTS over_time_tuple (id INTEGER PRIMARY KEY, rule INTEGER NOT NULL, event INTEGER NOT NULL,
        until INTEGER NOT NULL, tuple BLOB NOT NULL);
    -- The rows of these events, if events are written.
    CREATE TABLE IF NOT EXISTS over_time_event (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, row BLOB NOT NULL);
    -- What outputs say of groups, and what the pending output says.
    CREATE TABLE IF NOT EXISTS over_time_told (rule INTEGER NOT NULL, grp BLOB NOT NULL, at INTEGER NOT NULL,
        told TEXT NOT NULL, PRIMARY KEY (rule, grp, at)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS over_time_next (rule INTEGER NOT NULL, grp BLOB NOT NULL, at INTEGER NOT NULL,
        told TEXT NOT NULL);
    -- Tuples that no later run needs once the pending output is there.
    CREATE TABLE IF NOT EXISTS over_time_spent (id INTEGER PRIMARY KEY);
    -- `finished`: the last tuple of sources that are done. `decided`: the last one that outputs have. Of events from
    -- `base` on nothing was deleted.
    CREATE TABLE IF NOT EXISTS over_time_state (finished INTEGER NOT NULL, decided INTEGER NOT NULL, base INTEGER,
        decided_next INTEGER, base_next INTEGER);
    INSERT INTO over_time_state SELECT 0, 0, NULL, NULL, NULL WHERE NOT EXISTS (SELECT * FROM over_time_state);
";

/// The least pages of a file for which it is made smaller.
const PAGES_MIN: i64 = if cfg!(test) { 20 } else { 4096 };

/// Deletes what an unfinished run left: tuples of sources that are not done, and what is pending without an intent.
const CLEAN: &str = "
    DELETE FROM over_time_tuple WHERE id > (SELECT finished FROM over_time_state);
    DELETE FROM over_time_event WHERE id > (SELECT finished FROM over_time_state);
";

const NOTHING_PENDING: &str = "
    DELETE FROM over_time_next;
    DELETE FROM over_time_spent;
    UPDATE over_time_state SET decided_next = NULL, base_next = NULL WHERE decided_next IS NOT NULL;
";

const DELIVERED: &str = "
    INSERT OR REPLACE INTO over_time_told SELECT rule, grp, at, told FROM over_time_next;
    DELETE FROM over_time_tuple WHERE id IN (SELECT id FROM over_time_spent);
    UPDATE over_time_rule SET begin = begin_next
        WHERE (SELECT decided_next FROM over_time_state) IS NOT NULL;
    UPDATE over_time_state SET decided = decided_next, base = base_next WHERE decided_next IS NOT NULL;
    DELETE FROM over_time_tuple WHERE until < (SELECT base FROM over_time_state);
    DELETE FROM over_time_event WHERE until < (SELECT base FROM over_time_state);
    DELETE FROM over_time_told WHERE at < (SELECT base FROM over_time_state) AND at <> -9223372036854775808;
";

/// Adds the tables, which ledgers of earlier versions do not have, and deletes what an unfinished run left.
pub(super) fn open(connection: &Connection) -> Result<(), LedgerError> {
    connection.execute_batch(TABLES)?;
    connection.execute_batch(CLEAN)?;
    let has_intent: bool =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM intent)", [], |row| row.get(0))?;
    if !has_intent {
        connection.execute_batch(NOTHING_PENDING)?;
    }
    Ok(())
}

/// Returns whether the tables are there. A ledger of an earlier version that is only read does not have them.
fn are_there(connection: &Connection) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'over_time_state'";
    Ok(connection.prepare(sql)?.exists([])?)
}

/// Returns the number of the last tuple that was kept of sources that are done.
pub(super) fn last_kept(connection: &Connection) -> Result<i64, LedgerError> {
    if !are_there(connection)? {
        return Ok(0);
    }
    let sql = "SELECT finished FROM over_time_state";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Returns the number of events that are kept.
pub(super) fn n_kept(connection: &Connection) -> Result<u64, LedgerError> {
    if !are_there(connection)? {
        return Ok(0);
    }
    let sql = "SELECT count(DISTINCT event) FROM over_time_tuple";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Records, in a transaction that has begun, that the pending output has its name.
pub(super) fn pending_delivered(connection: &Connection) -> Result<(), LedgerError> {
    connection.execute_batch(DELIVERED)?;
    Ok(connection.execute_batch(NOTHING_PENDING)?)
}

/// Makes the file smaller if more than half of it is free: a first run keeps far more than later ones need.
pub(super) fn shrink(connection: &Connection) -> Result<(), LedgerError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (n_pages, n_free) = (number("page_count")?, number("freelist_count")?);
    if n_pages >= PAGES_MIN && n_free > n_pages / 2 {
        // Without room on the disk for a copy the file stays as it is.
        connection.execute_batch("VACUUM").ok();
    }
    Ok(())
}

/// Forgets what is pending.
pub(super) fn pending_not_delivered(connection: &Connection) -> Result<(), LedgerError> {
    Ok(connection.execute_batch(NOTHING_PENDING)?)
}

impl Ledger {
    /// Records which rules over several events a run has. What was kept for others is deleted.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn join(&self, rules: &[JoinedRule]) -> Result<Joined, LedgerError> {
        let state = &mut *self.state();
        let joined = state.begin().and_then(|()| state.join(rules));
        let joined = state.or_broken(joined)?;
        let committed = state.commit();
        state.or_broken(committed)?;
        Ok(joined)
    }

    /// Keeps an event of a source that is not done yet, for each rule that it is about, and its row.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn keep(&self, tuples: &[ToKeep], row: Option<&[u8]>) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        let kept = state.begin().and_then(|()| state.keep(tuples, row));
        state.or_broken(kept)
    }

    /// Records that the sources of all tuples so far are done.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn end_kept(&self) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        if state.kept == state.kept_finished {
            return Ok(());
        }
        let ended = state.begin().and_then(|()| {
            let sql = "UPDATE over_time_state SET finished = ?1";
            Ok(state.connection.execute(sql, [state.kept]).map(|_| ())?)
        });
        state.kept_finished = state.kept;
        state.or_broken(ended)
    }

    /// Returns some of the tuples that are kept, in order: those after this one.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn kept(&self, after: i64) -> Result<Vec<Kept>, LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare_cached(
            "SELECT id, rule, event, tuple FROM over_time_tuple WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = select.query_map([after, TUPLES_AT_ONCE], |row| {
            Ok(Kept {
                id: row.get(0)?,
                rule: row.get(1)?,
                event: row.get(2)?,
                tuple: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the last tuple that outputs tell of, and the time from which on nothing was deleted.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn decided(&self) -> Result<(i64, Option<i64>), LedgerError> {
        let state = self.state();
        let sql = "SELECT decided, base FROM over_time_state";
        Ok(state
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Returns the row of an event that is kept.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn kept_row(&self, event: i64) -> Result<Option<Vec<u8>>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare_cached("SELECT row FROM over_time_event WHERE id = ?1")?;
        Ok(select.query_row([event], |row| row.get(0)).optional()?)
    }

    /// Returns what outputs say of a group at a place.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn told(
        &self,
        rule: i64,
        group: &[u8; 16],
        at: i64,
    ) -> Result<Option<String>, LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare_cached(
            "SELECT told FROM over_time_told WHERE rule = ?1 AND grp = ?2 AND at = ?3",
        )?;
        let told = select.query_row(params![rule, group, at], |row| row.get(0));
        Ok(told.optional()?)
    }

    /// Records what the pending output says of a group.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn tell(&self, new: &NewlyTold<'_>) -> Result<(), LedgerError> {
        let sql = "INSERT INTO over_time_next VALUES (?1, ?2, ?3, ?4)";
        self.write(sql, params![new.rule, new.group, new.at, new.told])
    }

    /// Records that no later run needs a tuple once the pending output is there.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn spend(&self, id: i64) -> Result<(), LedgerError> {
        self.write("INSERT OR IGNORE INTO over_time_spent VALUES (?1)", [id])
    }

    /// Records that the pending output decides on all that is kept, that later runs need no events before `base` except
    /// for their windows, and the earliest time that each rule knows of.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn decide(
        &self,
        base: Option<i64>,
        begins: &[(i64, Option<i64>)],
    ) -> Result<(), LedgerError> {
        for (rule, begin) in begins {
            let sql = "UPDATE over_time_rule SET begin_next = ?2 WHERE id = ?1";
            self.write(sql, params![rule, begin])?;
        }
        let last = self.state().kept;
        let sql = "UPDATE over_time_state SET decided_next = ?1, base_next = ?2";
        self.write(sql, params![last, base])
    }

    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        let written = state.begin().and_then(|()| {
            let mut statement = state.connection.prepare_cached(sql)?;
            Ok(statement.execute(values).map(|_| ())?)
        });
        state.or_broken(written)
    }
}

impl State {
    fn join(&mut self, rules: &[JoinedRule]) -> Result<Joined, LedgerError> {
        let connection = &self.connection;
        let mut joined = Joined {
            // What was read before is known to no rule that comes now.
            is_late: connection
                .query_row("SELECT EXISTS (SELECT 1 FROM page)", [], |row| row.get(0))?,
            ..Joined::default()
        };
        let mut select = connection.prepare("SELECT id, hash, name FROM over_time_rule")?;
        let known = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let known: Vec<(i64, [u8; 16], String)> = known.collect::<Result<_, _>>()?;
        for (id, hash, name) in known {
            if rules.iter().any(|rule| rule.hash == hash) {
                continue;
            }
            joined.gone.push(name);
            for table in ["tuple", "told"] {
                let sql = format!("DELETE FROM over_time_{table} WHERE rule = ?1");
                connection.execute(&sql, [id])?;
            }
            connection.execute("DELETE FROM over_time_rule WHERE id = ?1", [id])?;
        }
        for rule in rules {
            let sql =
                "INSERT OR IGNORE INTO over_time_rule (hash, name, joined) VALUES (?1, ?2, ?3)";
            if connection.execute(sql, params![rule.hash, rule.name, self.kept])? > 0 {
                joined.new.push(rule.name.clone());
            }
            let sql = "SELECT id, joined, begin FROM over_time_rule WHERE hash = ?1";
            let known = connection.query_row(sql, [rule.hash], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            joined.rules.push(known);
        }
        Ok(joined)
    }

    fn keep(&mut self, tuples: &[ToKeep], row: Option<&[u8]>) -> Result<(), LedgerError> {
        if tuples.is_empty() {
            return Ok(());
        }
        let event = self.kept + 1;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO over_time_tuple VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for one in tuples {
            self.kept += 1;
            insert.execute(params![self.kept, one.rule, event, one.until, one.tuple])?;
        }
        if let Some(row) = row {
            let until = tuples.iter().map(|one| one.until).max();
            let mut insert = self
                .connection
                .prepare_cached("INSERT INTO over_time_event VALUES (?1, ?2, ?3)")?;
            insert.execute(params![event, until.unwrap_or(i64::MIN), row])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Identity;

    fn open(folder: &tempfile::TempDir) -> Ledger {
        Ledger::open(&folder.path().join("ledger"), &Identity::default()).unwrap()
    }

    fn rule(hash: u8) -> JoinedRule {
        JoinedRule {
            hash: [hash; 16],
            name: format!("rule {hash}"),
        }
    }

    /// Keeps an event of this time for each rule.
    fn keep(ledger: &Ledger, rules: &[i64], time: i64) {
        let tuples = rules.iter().map(|rule| ToKeep {
            rule: *rule,
            until: time,
            tuple: time.to_le_bytes().to_vec(),
        });
        ledger
            .keep(&tuples.collect::<Vec<_>>(), Some(b"row"))
            .unwrap();
    }

    fn ids(ledger: &Ledger) -> Vec<i64> {
        let kept = ledger.kept(0).unwrap();
        kept.iter().map(|kept| kept.id).collect()
    }

    #[test]
    fn only_events_of_sources_that_are_done_stay() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        let rules = ledger.join(&[rule(1), rule(2)]).unwrap().rules;
        let own = [rules[0].0, rules[1].0];
        keep(&ledger, &own, 10);
        ledger.end_kept().unwrap();
        keep(&ledger, &own, 20);
        ledger.commit().unwrap();
        assert_eq!(ids(&ledger), [1, 2, 3, 4]);
        drop(ledger);
        let ledger = open(&folder);
        assert_eq!(ids(&ledger), [1, 2]);
        assert_eq!(ledger.kept_row(1).unwrap().as_deref(), Some(&b"row"[..]));
        assert_eq!(ledger.kept_row(3).unwrap(), None);
        keep(&ledger, &own, 30);
        assert_eq!(ids(&ledger), [1, 2, 3, 4]);
    }

    #[test]
    fn what_is_told_counts_once_its_output_has_its_name() {
        for (is_intended, is_named) in [(true, true), (true, false), (false, false)] {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            let (own, ..) = ledger.join(&[rule(1)]).unwrap().rules[0];
            for time in [10, 20, 30] {
                keep(&ledger, &[own], time);
            }
            ledger.end_kept().unwrap();
            let newly = NewlyTold {
                rule: own,
                group: &[7; 16],
                at: i64::MIN,
                told: "told",
            };
            ledger.tell(&newly).unwrap();
            ledger.spend(3).unwrap();
            ledger.decide(Some(15), &[(own, Some(10))]).unwrap();
            match is_intended {
                true => ledger.intend(&[]).unwrap(),
                false => ledger.commit().unwrap(),
            }
            if is_intended {
                let state = ledger.state();
                let sql = "INSERT INTO intent VALUES ('a', 1, x'00', 1, 0)";
                state.connection.execute(sql, []).unwrap();
            }
            // Killed.
            drop(ledger);
            let ledger = open(&folder);
            match (is_intended, is_named) {
                (true, true) => ledger.delivered().unwrap(),
                (true, false) => ledger.not_delivered().unwrap(),
                // A later output of this ledger has nothing to do with it.
                (false, _) => ledger.delivered().unwrap(),
            }
            let told = ledger.told(own, &[7; 16], i64::MIN).unwrap();
            let joined = ledger.join(&[rule(1)]).unwrap();
            let (decided, kept) = (ledger.decided().unwrap(), ids(&ledger));
            if is_named {
                assert_eq!((told.as_deref(), decided), (Some("told"), (3, Some(15))));
                assert_eq!((kept, joined.rules[0].2), (vec![2], Some(10)));
            } else {
                assert_eq!((told, decided), (None, (0, None)));
                assert_eq!((kept, joined.rules[0].2), (vec![1, 2, 3], None));
            }
        }
    }

    #[test]
    fn a_file_gets_smaller_when_most_of_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let size = || folder.path().join("ledger").metadata().unwrap().len();
        let ledger = open(&folder);
        let (own, ..) = ledger.join(&[rule(1)]).unwrap().rules[0];
        for time in 0..20_000 {
            keep(&ledger, &[own], time);
        }
        ledger.end_kept().unwrap();
        ledger.commit().unwrap();
        drop(ledger);
        let before = size();
        let ledger = open(&folder);
        ledger.decide(Some(19_000), &[]).unwrap();
        ledger.intend(&[]).unwrap();
        ledger.delivered().unwrap();
        drop(ledger);
        assert!(size() < before / 2, "{before} -> {}", size());
        let ledger = open(&folder);
        assert_eq!(ledger.kept(0).unwrap().len(), 1000);
    }

    #[test]
    fn what_is_kept_for_a_rule_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        let joined = ledger.join(&[rule(1), rule(2)]).unwrap();
        assert_eq!(
            (joined.new.len(), joined.gone.len(), joined.is_late),
            (2, 0, false)
        );
        let (first, second) = (joined.rules[0].0, joined.rules[1].0);
        keep(&ledger, &[first, second], 10);
        ledger.end_kept().unwrap();
        let joined = ledger.join(&[rule(3), rule(2)]).unwrap();
        assert_eq!(
            (joined.new, joined.gone),
            (vec!["rule 3".to_owned()], vec!["rule 1".to_owned()])
        );
        assert_eq!((joined.rules[0].1, joined.rules[1].0), (2, second));
        let kept = ledger.kept(0).unwrap();
        assert_eq!(
            kept.iter().map(|kept| kept.rule).collect::<Vec<_>>(),
            [second]
        );
    }
}
