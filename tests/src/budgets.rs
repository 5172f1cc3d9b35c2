//! What routes and workers may ask of the table: the two tables of numbers in `docs/access-patterns.md`.

use std::collections::BTreeMap;

const ROUTES: &str = "| Route | Calls | Read units | Write units |";
const WORKERS: &str = "| Worker | Calls | Read units | Write units |";

/// Upper bounds for one call of a route, or for one message of a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Calls of the table.
    pub calls: usize,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
}

/// The budgets of the routes, by method and path.
pub fn of_routes() -> BTreeMap<String, Budget> {
    read(include_str!("../../docs/access-patterns.md"), ROUTES)
}

/// The budgets of the workers, by function.
pub fn of_workers() -> BTreeMap<String, Budget> {
    read(include_str!("../../docs/access-patterns.md"), WORKERS)
}

fn read(page: &str, heading: &str) -> BTreeMap<String, Budget> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(2);
    lines.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> (String, Budget) {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    let [name, calls, read_units, write_units] = cells[..] else {
        panic!("docs/access-patterns.md: a budget has four cells, unlike `{line}`");
    };
    let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("`{cell}` is no number in `{line}`"));
    let calls = calls.parse().unwrap_or_else(|_| panic!("`{calls}` is no number of calls in `{line}`"));
    (name.to_owned(), Budget { calls, read_units: number(read_units), write_units: number(write_units) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_read() {
        assert!(of_routes().contains_key("POST /v1/auth/magic-links"));
        assert!(of_workers().contains_key("stream-outbox"));
        let page = format!("{ROUTES}\n|---|---|---|---|\n| `GET /x` | 2 | 1.5 | 0 |\n\nText\n");
        let budget = Budget { calls: 2, read_units: 1.5, write_units: 0.0 };
        assert_eq!(read(&page, ROUTES), BTreeMap::from([("GET /x".to_owned(), budget)]));
    }
}
